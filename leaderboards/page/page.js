"use strict";
// Every text of the content becomes a text node or an attribute, never markup.
const content = JSON.parse(document.getElementById("content").textContent);
const GROUPS = ["perceptual", "structural", "semantic", "other"];
const VIEWS = { table: "Table", compare: "Compare", pairs: "Pairs", plots: "Plots and galleries", audit: "Which score to trust", published: "Published numbers" };
const DEFAULTS = { t: "", v: "table", s: "", d: "", q: "", g: "", c: "", a: "", b: "", k: "", o: "worst", p: "", f: "", m: "" };
const PAIRS = 24; // shown at first
const main = document.getElementById("main");
let state = {};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// --- State: all of it is in the address, so that a link shows the same view.

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, given.get(key) ?? value]));
  if (!(state.v in VIEWS)) state.v = "table";
}

function go(changes) {
  const next = { ...state, ...changes };
  const kept = Object.entries(next).filter(([key, value]) => value !== DEFAULTS[key]);
  const focus = document.activeElement && document.activeElement.id;
  history.replaceState(null, "", "#" + new URLSearchParams(kept));
  readState();
  draw();
  if (focus) document.getElementById(focus)?.focus();
}

const table = () => content.tables.find((one) => one.id === state.t) ?? content.tables[0];

// --- Numbers

function number(value, column) {
  if (value === null || value === undefined) return "–";
  const text = column.exponent ? value.toExponential(column.decimals) : value.toFixed(column.decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

const signed = (value, column) => (value > 0 ? "+" : "") + number(value, column);
const columnName = (column) => column.label + (column.unit ? ` (${column.unit})` : "");
const scoreName = (column) => `${columnName(column)} (${[column.variant, column.differs].filter(Boolean).join(", ")})`;
const interval = (low, high, column) => (low === null ? "" : `[${number(low, column)}, ${number(high, column)}]`);

// --- Head: benchmarks and views

function drawHead() {
  const one = table();
  const about = document.getElementById("about");
  const people = one?.people ? ` of ${one.people} people` : "";
  about.textContent = state.v === "published" ? "Human pose transfer. Numbers from papers, as printed; never ranked." : one
    ? `Human pose transfer. ${one.heading}${people ? "," + people.replace(" of", "") : ""}. Intervals: 95 %. Equal ranks (=): the models do not differ with certainty. Green: rank 1.`
    : "Human pose transfer. No measured records; published numbers only.";
  const tables = document.getElementById("tables");
  if (content.tables.length > 6) {
    const select = el("select", { id: "choose-table", "aria-label": "Benchmark", onchange: (event) => go({ t: event.target.value, s: "", c: "", a: "", b: "", p: "", k: "" }) });
    for (const each of content.tables) select.append(el("option", { value: each.id, selected: each === one }, each.heading));
    tables.replaceChildren(select);
  } else {
    tables.replaceChildren(...content.tables.map((each, i) =>
      el("button", { id: `table-${i}`, type: "button", "aria-current": each === one && state.v !== "published" ? "true" : "false", onclick: () => go({ t: each.id, v: state.v === "published" ? "table" : state.v, s: "", c: "", a: "", b: "", p: "", k: "" }) }, each.heading)));
  }
  document.getElementById("views").replaceChildren(...Object.entries(VIEWS)
    .filter(([name]) => (name === "published" ? content.published.length : name === "audit" ? one && content.audit : one) && (name !== "pairs" || one.pairs_shown))
    .map(([name, label]) => el("button", { id: `view-${name}`, type: "button", "aria-current": state.v === name ? "true" : "false", onclick: () => go({ v: name }) }, label)));
}

// --- Table

function shownColumns(one) {
  const hidden = new Set(state.g.split(",").filter(Boolean));
  const chosen = state.c && state.c !== "all" ? new Set(state.c.split(" ")) : null;
  return one.columns
    .map((column, at) => ({ ...column, at }))
    .filter((column) => !hidden.has(column.group) && (chosen ? chosen.has(String(column.at)) : state.c === "all" || column.headline))
    .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || a.at - b.at);
}

function sortedRows(one, columns) {
  const rows = one.rows.map((row, at) => ({ ...row, at })).filter((row) => row.label.toLowerCase().includes(state.q.toLowerCase()));
  const column = one.columns.map((each, at) => ({ ...each, at })).find((each) => String(each.at) === state.s) ?? columns[0];
  if (!column) return [rows, null];
  const order = state.d === "up" ? -1 : 1; // default: the best first
  const value = (row) => row.cells[column.at]?.[0] ?? null;
  rows.sort((a, b) => {
    if (a.oracle !== b.oracle) return a.oracle ? 1 : -1;
    if ((value(a) === null) !== (value(b) === null)) return value(a) === null ? 1 : -1;
    return order * column.better * ((value(b) ?? 0) - (value(a) ?? 0)) || a.at - b.at;
  });
  return [rows, column];
}

function bar(cell, low, high) {
  const x = (value) => 4 + (72 * (value - low)) / (high - low || 1);
  const line = (a, b, width, colour) => svg("line", { x1: a, x2: b, y1: 4.5, y2: 4.5, stroke: colour, "stroke-width": width });
  return svg("svg", { width: 80, height: 9, "aria-hidden": "true" }, line(4, 76, 1, "var(--line)"),
    ...(cell[1] === null ? [] : [line(x(cell[1]), Math.max(x(cell[2]), x(cell[1]) + 1), 3, "var(--bar)")]),
    svg("circle", { cx: x(cell[0]), cy: 4.5, r: 2.5, fill: "var(--bar)" }));
}

function scoreCell(row, column, range, pairs) {
  const cell = row.cells[column.at];
  if (!cell) return el("td", { class: "none" }, "–");
  if (cell[0] === null) return el("td", { class: "none", title: cell[7] }, cell[6], el("small", { class: "reason" }, cell[7].length > 60 ? "" : cell[7]));
  const rank = row.oracle ? "" : cell[3] ? `${cell[3]}${cell[4] ? "=" : ""}` : "";
  const n = cell[5] !== pairs ? el("span", { class: cell[5] < pairs / 2 ? "few" : "" }, ` n = ${cell[5]}`) : "";
  return el("td", { class: cell[3] === 1 ? "best" : "" },
    el("span", { class: "value" }, number(cell[0], column)), el("span", { class: "rank", title: rank ? "rank" : "not ranked" }, rank || "–"),
    bar(cell, ...range), el("span", { class: "interval" }, interval(cell[1], cell[2], column), n));
}

function badgeList(row) {
  return row.badges.map((text) => el("span", { class: "badge" }, text));
}

function columnHead(column, sorted) {
  const direction = sorted?.at === column.at ? (state.d === "up" ? -1 : 1) * column.better : 0;
  const flip = () => go(sorted?.at === column.at ? { d: state.d === "up" ? "" : "up" } : { s: String(column.at), d: "" });
  const more = [column.variant, column.differs].filter(Boolean).join(", ");
  return el("th", { scope: "col", "aria-sort": direction > 0 ? "descending" : direction < 0 ? "ascending" : "none" },
    el("button", { id: `sort-${column.at}`, type: "button", onclick: flip }, `${columnName(column)} ${column.better > 0 ? "↑" : "↓"}`),
    el("button", { id: `info-${column.at}`, type: "button", class: "info", "aria-label": `What ${column.label} computes`, onclick: () => showCard(column) }, "?"),
    el("small", { title: content.cards[column.card]?.definition ?? "" }, more), column.pose ? null : el("small", { class: "nopose", title: "A copy of the source image can have a good value." }, "cannot see the pose"));
}

function toolbar(one) {
  const hidden = new Set(state.g.split(",").filter(Boolean));
  const present = GROUPS.filter((group) => one.columns.some((column) => column.group === group));
  const toggle = (group) => { hidden.has(group) ? hidden.delete(group) : hidden.add(group); go({ g: [...hidden].join(",") }); };
  const chosen = new Set(shownColumns(one).map((column) => column.at));
  const pick = (at) => { chosen.has(at) ? chosen.delete(at) : chosen.add(at); go({ c: [...chosen].join(" ") || "all" }); };
  return el("div", { class: "bar", role: "group", "aria-label": "What the table shows" },
    ...present.map((group) => el("button", { id: `group-${group}`, type: "button", "aria-pressed": String(!hidden.has(group)), onclick: () => toggle(group) }, group)),
    el("button", { id: "all-scores", type: "button", "aria-pressed": String(state.c === "all"), onclick: () => go({ c: state.c === "all" ? "" : "all" }) }, "all scores"),
    el("input", { id: "filter", type: "search", placeholder: "model", "aria-label": "Filter by model", value: state.q, oninput: (event) => { go({ q: event.target.value }); const box = document.getElementById("filter"); box.setSelectionRange(box.value.length, box.value.length); } }),
    el("details", { class: "chooser", open: document.querySelector(".chooser")?.open ?? false }, el("summary", { id: "columns" }, "columns"),
      el("div", {}, ...one.columns.map((column, at) => el("label", {}, el("input", { id: `column-${at}`, type: "checkbox", checked: chosen.has(at), onchange: () => pick(at) }), scoreName(column))))));
}

function drawTable(one) {
  const columns = shownColumns(one);
  const [rows, sorted] = sortedRows(one, columns);
  const ranges = columns.map((column) => {
    const values = one.rows.flatMap((row) => row.cells[column.at]?.slice(0, 3) ?? []).filter((value) => value !== null);
    return [Math.min(...values), Math.max(...values)];
  });
  const groups = el("tr", { class: "group" }, el("td", { class: "name" }));
  for (const group of GROUPS) {
    const count = columns.filter((column) => column.group === group).length;
    if (count) groups.append(el("th", { colspan: count, scope: "colgroup" }, el("span", {}, group)));
  }
  const head = el("tr", {}, el("th", { class: "name", scope: "col" }, "model"), ...columns.map((column) => columnHead(column, sorted)));
  const body = rows.map((row) => el("tr", { class: row.oracle ? "oracle" : "" },
    el("th", { scope: "row" }, el("b", {}, row.name), ...badgeList(row), el("small", { class: "about", title: row.paper }, row.title), row.place ? el("small", {}, `in ${row.place}`) : null),
    ...columns.map((column, i) => scoreCell(row, column, ranges[i], one.pairs))));
  main.replaceChildren(toolbar(one), el("div", { class: "wrap", tabindex: "0", role: "region", "aria-label": `Scores on ${one.heading}` },
    el("table", {}, el("thead", {}, groups, head), el("tbody", {}, ...body))), rows.length ? "" : el("p", {}, `No model has "${state.q}" in its name.`));
}

function showCard(column) {
  const card = content.cards[column.card], dialog = document.getElementById("card");
  const list = (title, items) => (items.length ? [el("h3", {}, title), el("ul", {}, ...items.map((text) => el("li", {}, text)))] : []);
  dialog.replaceChildren(el("h2", { id: "card-title" }, card ? card.title : column.key),
    ...(card ? [el("p", {}, `${column.key}: ${card.definition}.`), ...list("Direction and range", card.metrics),
      ...(card.pose ? [] : [el("p", { class: "nopose" }, "It cannot see the pose: a copy of the source image can have a good value.")]),
      ...list("What else changes the number", card.moved_by), ...list("Used by", card.used_by ? [card.used_by] : []), ...list("Source", [card.citation])]
      : [el("p", {}, "This protocol is not installed where the page was made.")]),
    el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close"));
  dialog.showModal();
}

// --- Compare

function modelSelect(one, key, fallback) {
  const select = el("select", { id: `model-${key}`, "aria-label": `Model ${key.toUpperCase()}`, onchange: (event) => go({ [key]: event.target.value }) });
  one.rows.slice(0, one.compared).forEach((row, at) => select.append(el("option", { value: row.label, selected: at === fallback }, row.label)));
  return select;
}

function position(one, key, fallback) {
  const found = one.rows.findIndex((row) => row.label === state[key]);
  return found >= 0 && found < one.compared ? found : fallback;
}

function drawCompare(one) {
  if (one.compared < 2) return main.replaceChildren(el("p", {}, "Two models are needed for a comparison."));
  let [i, j] = [position(one, "a", 0), position(one, "b", 1)];
  const bar = el("div", { class: "bar" }, modelSelect(one, "a", i), " against ", modelSelect(one, "b", j));
  if (i === j) return main.replaceChildren(bar, el("p", {}, "Choose two different models."));
  const flipped = i > j, sign = flipped ? -1 : 1, data = one.compare[flipped ? `${j}-${i}` : `${i}-${j}`];
  const word = { better: ["better", "win"], worse: ["worse", "lose"], tie: ["tie", ""] };
  const flip = (verdict) => (flipped ? { better: "worse", worse: "better" }[verdict] ?? verdict : verdict);
  const rows = one.columns.map((column, at) => [column, at, data.scores[at]]).filter(([column, , entry]) => entry && (state.c === "all" || column.headline));
  const body = rows.map(([column, , [valueA, valueB, difference, low, high, verdict, n, winsA, winsB]]) => {
    const [text, style] = word[flip(verdict)] ?? [verdict, ""];
    const bounds = low === null ? "" : flipped ? interval(-high, -low, column) : interval(low, high, column);
    const equal = winsA === null ? 0 : n - winsA - winsB;
    const wins = winsA === null ? "–" : (flipped ? `${winsB} : ${winsA}` : `${winsA} : ${winsB}`) + (equal > 0 ? `, ${equal} equal` : "");
    return el("tr", {}, el("th", { scope: "row" }, `${columnName(column)} ${column.better > 0 ? "↑" : "↓"}`, el("small", {}, column.key, column.pose ? "" : ", cannot see the pose")),
      el("td", { class: style }, text), el("td", {}, signed(sign * difference, column), el("small", {}, bounds)),
      el("td", {}, number(flipped ? valueB : valueA, column)), el("td", {}, number(flipped ? valueA : valueB, column)), el("td", {}, wins), el("td", {}, String(n)));
  });
  const missing = one.columns.filter((column, at) => !data.scores[at] && (state.c === "all" || column.headline));
  const names = [one.rows[i].label, one.rows[j].label];
  const head = ["score", "first is", "difference", names[0], names[1], "wins", "n"].map((text, at) => el("th", { scope: "col", class: at ? "" : "name" }, text));
  bar.append(el("button", { id: "all-scores", type: "button", "aria-pressed": String(state.c === "all"), onclick: () => go({ c: state.c === "all" ? "" : "all" }) }, "all scores"));
  main.replaceChildren(bar, el("div", { class: "wrap", tabindex: "0", role: "region", "aria-label": "Comparison" }, el("table", { class: "compare" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body))),
    el("p", {}, "All numbers are on the pairs that both models have; the table has those of all pairs of a model. Difference: first minus second, with a 95 % interval over people. Wins: pairs on which each is better."),
    missing.length ? el("p", {}, `Not compared, because one of the two has no value or another fingerprint: ${missing.map(scoreName).join("; ")}.`) : "",
    ...extremes(one, rows, data, i, j, flipped));
}

function extremes(one, rows, data, i, j, flipped) {
  const usable = rows.filter(([, at]) => data.extremes[at]?.length);
  if (!usable.length) return [];
  const [column, at] = usable.find(([each]) => each.key === state.k) ?? usable[0];
  const select = el("select", { id: "extreme", "aria-label": "Score", onchange: (event) => go({ k: event.target.value }) },
    ...usable.map(([each]) => el("option", { value: each.key, selected: each === column }, scoreName(each))));
  const value = ([, a, b]) => (flipped ? [b, a] : [a, b]);
  return [el("h2", {}, "Pairs on which they differ most"), el("div", { class: "bar" }, select),
    ...data.extremes[at].map((entry) => pairTiles(one, entry[0], [i, j], value(entry).map((each) => `${column.label} ${number(each, column)}`)))];
}

// --- Pairs

function thumb(one, name, at, label) {
  const [width, height] = one.thumb, columns = one.sprite_columns;
  const node = el("div", { class: "thumb", role: "img", "aria-label": label });
  Object.assign(node.style, { width: `${width}px`, height: `${height}px`, backgroundImage: `url("${one.sprites[name]}")`,
    backgroundPosition: `-${(at % columns) * width}px -${Math.floor(at / columns) * height}px` });
  return node;
}

function pairTiles(one, id, models, captions) {
  const at = one.pairs_shown ? one.pairs_shown.findIndex((pair) => pair[0] === id) : -1;
  const tile = (name, caption) => el("figure", { class: "tile" }, at < 0 || !(name in one.sprites) ? el("p", { class: "interval" }, "no image") : thumb(one, name, at, `${caption}, ${id}`), el("figcaption", {}, caption));
  const tiles = one.pairs_shown ? [tile("source", "source"), tile("pose", "pose"), tile("target", "target"), ...models.map((model, k) => tile(`model-${model}`, one.rows[model].label + (captions[k] ? `: ${captions[k]}` : "")))] : models.map((model, k) => el("figcaption", {}, `${one.rows[model].label}: ${captions[k]}`));
  return el("section", { "aria-label": id }, el("p", { class: "interval" }, id), el("div", { class: "tiles" }, ...tiles));
}

function drawPairs(one) {
  const scores = one.columns.map((column, at) => ({ ...column, at })).filter((column) => one.pair_values[column.at]);
  const score = scores.find((column) => column.key === state.k) ?? scores[0];
  const models = one.rows.map((row, at) => at).filter((at) => !state.f || one.rows[at].label === state.f);
  const first = models[0], most = Math.max(PAIRS, Number(state.m) || 0);
  const values = (model) => (score ? one.pair_values[score.at][model] : null) ?? [];
  const spread = (at) => { const known = one.rows.map((row, model) => (row.oracle ? null : values(model)[at])).filter((value) => value !== null && value !== undefined); return known.length > 1 ? Math.max(...known) - Math.min(...known) : null; };
  const key = (at) => (state.o === "disputed" ? spread(at) : values(first)[at] ?? null);
  const sign = state.o === "disputed" ? -1 : state.o === "best" ? -score?.better : score?.better;
  const found = one.pairs_shown.map((pair, at) => [pair, at])
    .filter(([pair]) => pair.join(" ").toLowerCase().includes(state.p.toLowerCase()))
    .sort(([, a], [, b]) => (key(a) === null) - (key(b) === null) || sign * ((key(a) ?? 0) - (key(b) ?? 0)) || a - b);
  const choose = (id, label, pairs, chosen, change) => el("select", { id, "aria-label": label, onchange: (event) => change(event.target.value) }, ...pairs.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  main.replaceChildren(
    el("div", { class: "bar" },
      el("input", { id: "pair", type: "search", placeholder: "name, person or view", "aria-label": "Find pairs", value: state.p, oninput: (event) => { go({ p: event.target.value }); const box = document.getElementById("pair"); box.setSelectionRange(box.value.length, box.value.length); } }),
      choose("pair-model", "Model", [["", "all models"], ...one.rows.map((row) => [row.label, row.label])], state.f, (value) => go({ f: value })),
      choose("pair-order", "Order", [["worst", "worst first"], ["best", "best first"], ["disputed", "largest spread first"]], state.o, (value) => go({ o: value })),
      choose("pair-score", "Score", scores.map((column) => [column.key, scoreName(column)]), score?.key, (value) => go({ k: value }))),
    el("p", { class: "interval" }, `${found.length} of the ${one.pairs_shown.length} pairs on this page (of ${one.pairs}${one.extreme ? `; the ${one.extreme} best and worst of each model and headline score are here` : ""}), ${state.o === "disputed" ? "by the spread over models" : `by ${one.rows[first]?.label}`}.`),
    ...found.slice(0, most).map(([pair, at]) => pairTiles(one, pair[0], models, models.map((model) => (score && values(model)[at] !== null && values(model)[at] !== undefined ? number(values(model)[at], score) : "")))),
    found.length > most ? el("button", { id: "more", type: "button", onclick: () => go({ m: String(most + PAIRS) }) }, `show more (${found.length - most})`) : "");
}

// --- Plots, published rows, notes

function drawPlots(one) {
  const figures = [...document.querySelectorAll("#plots figure")].filter((figure) => figure.dataset.table === one.id);
  main.replaceChildren(el("div", { class: "plots" }, ...(figures.length ? figures.map((figure) => figure.cloneNode(true)) : [el("p", {}, "There are no plots: two models with a common score are needed.")])), ...galleries(one));
}

function galleries(one) {
  if (!one.retrieval) return [];
  const { variant, images, depth, examples } = one.retrieval;
  const tile = (style, node, caption) => el("figure", { class: `tile ${style}` }, node, el("figcaption", {}, caption));
  const line = (at, id, [row, found, right, total]) => {
    const name = row < 0 ? "real target image" : one.rows[row].label;
    const query = at < 0 ? el("p", { class: "interval" }, "no image") : thumb(one, row < 0 ? "target" : `model-${row}`, at, `${name}, ${id}`);
    return el("div", { class: "wrap gallery", tabindex: "0", role: "group", "aria-label": `${name}: ${right} of ${total}` }, tile("query", query, `${name}: ${right} of ${total}`),
      ...found.map(([place, same], k) => tile(same ? "right" : "wrong", thumb(one, "gallery", place, `${k + 1}: ${same ? "the same item" : "another item"}`), `${k + 1} ${same ? "✓" : "✗"}`)));
  };
  return [el("h2", {}, `What the images retrieve (${variant})`),
    el("p", {}, `The ${depth} most similar of the ${images} source images, without the pair's own. ✓: the same item. "2 of 3": 2 of the 3 images of this item are among the ${depth}. An image with a wrong pose can still retrieve well.`),
    ...examples.map(([id, rows]) => { const at = one.pairs_shown.findIndex((pair) => pair[0] === id); return el("section", { "aria-label": `Retrieval, ${id}` }, el("p", { class: "interval" }, id), ...rows.map((row) => line(at, id, row))); })];
}

function drawPublished() {
  const lines = (parts) => parts.flatMap((text, i) => (i ? [el("small", {}, text)] : [text]));
  main.replaceChildren(...content.published.flatMap((each) => [el("h2", {}, each.heading),
    el("div", { class: "wrap", tabindex: "0", role: "region", "aria-label": each.heading }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", { class: "name", scope: "col" }, "system"), ...each.columns.map((column) => el("th", { scope: "col" }, ...lines(column))))),
      el("tbody", {}, ...each.rows.map((row) => el("tr", {}, el("th", { scope: "row" }, ...lines(row.label)), ...row.cells.map((cell) => el("td", {}, ...lines(cell)))))))),
    ...(each.references.length ? [el("ol", {}, ...each.references.map((text) => el("li", {}, text)))] : []), ...each.notes.map((text) => el("p", {}, text))]));
}

function drawAudit() {
  const { heading, damages, rows } = content.audit;
  const cell = (found) => {
    if (!found) return el("td", {}, "");
    const [from, better, tau] = found;
    const words = (from ? `noticed from strength ${from} on` : "not noticed") + (better ? ", better at some strength" : "") + (tau === null ? "" : `, rank correlation ${tau}`);
    return el("td", { class: `noticed-${from}`, title: words, "aria-label": words }, `${from || "–"}${better ? "!" : ""}`);
  };
  main.replaceChildren(
    el("h2", {}, `Which damage each score notices (${heading})`),
    el("p", {}, "Real target images were damaged in one way at a time, in five strengths, and measured like a model's images. A number is the weakest strength, 1 to 5, from which on the score is significantly worse than without damage. –: not noticed. !: significantly better with damage."),
    el("div", { class: "wrap audit", tabindex: "0", role: "region", "aria-label": "Scores by damage" }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", { class: "name", scope: "col" }, "score"), ...damages.map((name) => el("th", { scope: "col" }, el("span", {}, name))))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row.label, el("small", {}, row.key)), ...row.cells.map(cell)))))),
    el("h2", {}, "What each score may be used for"),
    el("p", {}, "Rendered people, small sets: this says what a score sees, not how a model does on photographs. docs/audit.md has the rules."),
    ...rows.map((row) => el("details", {}, el("summary", {}, `${row.label} (${row.key})`), el("ul", {}, ...Object.entries(row.use).map(([head, text]) => el("li", {}, el("b", {}, `${head}: `), text))))));
}

// A note on many scores, with its list folded: either the list or the sentence comes first.
function note(text) {
  const colon = text.indexOf(": ");
  if (text.length < 300 || colon < 0) return el("li", {}, text);
  const [sentence, list] = [text.slice(0, colon), text.slice(colon + 2)].sort((a, b) => a.length - b.length);
  return el("li", {}, el("details", {}, el("summary", {}, sentence), list));
}

function draw() {
  drawHead();
  const one = table();
  const view = one ? state.v : "published";
  ({ table: drawTable, compare: drawCompare, pairs: one?.pairs_shown ? drawPairs : drawTable, plots: drawPlots, audit: content.audit ? drawAudit : drawTable, published: drawPublished })[view](one);
  document.getElementById("notes").replaceChildren(el("ul", {}, ...(view === "published" ? [] : one.notes).map(note)), el("p", {}, content.made));
}

addEventListener("hashchange", () => { readState(); draw(); });
readState();
draw();
