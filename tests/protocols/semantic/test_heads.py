"""Heads: trained on a small benchmark, loaded by the protocols, rejected if they do not match."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

import fhpt_bench as fb
from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.names import parse_name
from fhpt_bench.training.train import train
from fhpt_bench.weights.readers import tensor_digest
from protocols.semantic.heads.backbones import BACKBONES, GENDER_BACKBONE, GENDER_HEAD
from protocols.semantic.heads.head import Head, head_bytes, load_head, unusable
from protocols.semantic.heads.learners import balanced_ridge, discriminants
from protocols.semantic.heads.recipes import equal_error_threshold, found_again, recoloured

SHIPPED = {"retrieval-vgg16": 1472, "retrieval-efficientnet": 1280, "gender-vgg16": 1472}
VGG16 = BACKBONES["vgg16"]


def save_image(path, rng, colour, stripe):
    """Noise around a colour; stripes are horizontal for one gender and vertical for the other."""
    y, x = np.mgrid[0:48, 0:32]
    wave = 60 * np.sin((x if stripe else y) * 1.3 + rng.uniform(0, 6))
    image = colour + wave[..., None] + rng.normal(0, 12, (48, 32, 3))
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def training_benchmark(small_benchmark):
    """The small benchmark with a training split: six women and six men with three views each."""
    root, rng, names = small_benchmark.parent, np.random.default_rng(1), []
    (root / "train").mkdir()
    for item in range(12):
        gender, colour = ("WOMEN" if item % 2 else "MEN"), rng.integers(40, 216, 3)
        for view in ("1front", "2side", "3back"):
            names.append(f"fashion{gender}Denimid{900 + item:08d}01_{view}.jpg")
            save_image(root / "train" / names[-1], rng, colour, item % 2)
    (root / "train.lst").write_text("\n".join(names) + "\n")
    small_benchmark.write_text(small_benchmark.read_text() + 'train_images = "train"\ntrain_list = "train.lst"\n')
    return small_benchmark


def own_weights(tmp_path, monkeypatch, *heads):
    """Create a weights folder with VGG16 and the given heads."""
    folder = tmp_path / "weights"
    folder.mkdir(exist_ok=True)
    if not (folder / "vgg16.safetensors").exists():
        shutil.copy(weights.path("vgg16"), folder)
    for head in heads:
        shutil.copy(head, folder)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(folder))
    return folder


def test_two_trainings_give_equal_bytes_that_the_protocols_use(training_benchmark, tmp_path, monkeypatch):
    for name in ("retrieval-vgg16", "gender-vgg16"):
        facts = train(name, str(training_benchmark), out=tmp_path / f"{name}-1", device="cpu")
        again = train(name, str(training_benchmark), out=tmp_path / f"{name}-2", device="cpu")
        one, two = (Path(result["head"]).read_bytes() for result in (facts, again))
        assert one == two
        card = json.loads((tmp_path / f"{name}-1" / "card.json").read_text())
        assert (card["recipe"], card["seed"], card["benchmark"]["id"]) == (name, 0, "small")
        assert card["backbone"]["sha256"] == weights.fetch("vgg16")
        lines = (tmp_path / f"{name}-1" / "log.csv").read_text().splitlines()
        assert len(lines) == (12 if name == "retrieval-vgg16" else 5)
        own_weights(tmp_path, monkeypatch, facts["head"])
    # The head separates the stripes of held-out people, whose colours are not in its training data.
    assert json.loads((tmp_path / "gender-vgg16-1" / "card.json").read_text())["held_out"]["balanced error"] < 0.2
    chosen = ["retrieval:unique-vgg16", "retrieval:map-vgg16", "retrieval:unique-vgg16-imagenet", "gender-bias"]
    record = fb.run("copy-source", str(training_benchmark), chosen, out=tmp_path / "run")
    assert [record[key].status for key in chosen] == ["ok"] * 4
    assert record["gender-bias"].details["confusion"]["generated"].keys() == {"MEN"}
    assert record["gender-bias:canonical:women"].value is None
    forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
    assert forwards == {"vgg16-pooled": 24}
    other = train("retrieval-vgg16", str(training_benchmark), out=tmp_path / "other", seed=1, device="cpu")
    own_weights(tmp_path, monkeypatch, other["head"])
    second = fb.run("copy-source", str(training_benchmark), chosen, out=tmp_path / "second")
    assert second[chosen[0]].fingerprint != record[chosen[0]].fingerprint
    assert second[chosen[2]].fingerprint == record[chosen[2]].fingerprint


def test_a_head_is_used_only_on_its_training_benchmark(small_benchmark, tmp_path):
    record = fb.run("copy-source", str(small_benchmark), ["retrieval", "gender-bias"], out=tmp_path / "run")
    for key, head in (("retrieval", "retrieval-vgg16"), ("gender-bias", "gender-vgg16")):
        assert record[key].status == "skipped"
        assert record[key].reason == (
            f"The available head {head} was trained on studio 1.0, not on small 1: train one with "
            f"`fhpt-bench train {head} --benchmark small --out DIR` (and --data-root, as for this run) and set "
            "FHPT_WEIGHTS_DIR to DIR."
        )
    assert unusable("retrieval-vgg16", VGG16, load_benchmark("studio")) is None


def test_a_missing_head_is_reported(small_benchmark, tmp_path):
    record = fb.run("copy-source", str(small_benchmark), ["retrieval:unique-resnet50"], out=tmp_path / "run")
    assert record["retrieval"].reason.endswith(
        "train them with `fhpt-bench train retrieval-resnet50 --out DIR` and set FHPT_WEIGHTS_DIR to DIR."
    )


def test_recipes_need_names_items_and_both_genders(training_benchmark, small_benchmark):
    listed = training_benchmark.parent / "train.lst"
    names = listed.read_text().split()
    for recipe, kept, reason in (
        ("retrieval-vgg16", names[:27], "needs 10 items with three training images or more, not 9"),
        ("gender-vgg16", [*names[:6], *names[6:9]], "needs at least two women and two men, .* show 1 and 2"),
        ("gender-vgg16", [*names, "holiday.jpg"], "holiday.jpg of small has neither item nor gender: rename"),
    ):
        listed.write_text("\n".join(kept))
        with pytest.raises(fb.UserError, match=reason):
            train(recipe, str(training_benchmark))


def write_head(folder, name="gender-vgg16", weight=None, **card):
    head = load_head(name, VGG16)
    changed = Head(head.weight if weight is None else weight, head.bias, {**head.card, **card})
    (folder / f"{name}.safetensors").write_bytes(head_bytes(name, changed))


def test_heads_that_do_not_fit(tmp_path, monkeypatch):
    studio = load_benchmark("studio")
    folder = own_weights(tmp_path, monkeypatch)

    def reason():
        found = unusable(GENDER_HEAD, GENDER_BACKBONE, studio, 1)
        with pytest.raises(fb.UserError) as caught:
            load_head(GENDER_HEAD, GENDER_BACKBONE, 1)
        assert found == str(caught.value)
        assert "gender-vgg16.safetensors" in found
        assert "train it again with `fhpt-bench train gender-vgg16`, or remove it from FHPT_WEIGHTS_DIR" in found
        return found

    for shape in ((512, 1), (1472,)):
        write_head(folder, weight=np.zeros(shape, np.float32))
        assert f"has shape {shape} instead of (1472, 1)" in reason()
        (folder / "gender-vgg16.safetensors").unlink()
    write_head(folder, backbone={"sha256": "0" * 64})
    assert "was trained on other weights of vgg16 (0000000000000000) than those on this machine (" in reason()
    (folder / "gender-vgg16.safetensors").unlink()
    arrays = {"kernel": np.zeros(3, np.float32)}
    facts = {"name": "gender-vgg16", "digest": tensor_digest(arrays), "origin": "elsewhere", "card": "{}"}
    save_file(arrays, folder / "gender-vgg16.safetensors", facts)
    assert "is not a head of fhpt-bench ('weight' is missing)" in reason()
    shutil.copy(weights.path("retrieval-vgg16"), folder / "gender-vgg16.safetensors")
    assert unusable(GENDER_HEAD, GENDER_BACKBONE, studio, 1) is None, "a file with another name in it is ignored"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_heads_have_their_card_and_log(name):
    found = weights.obtain(name)
    assert found.origin == "the installed package protocols"
    assert found.path.stat().st_size < 500_000
    assert found.arrays["weight"].shape[0] == SHIPPED[name]
    backbone = next(b for b in BACKBONES.values() if b.seen.stop == SHIPPED[name])
    head = load_head(name, backbone)
    assert head.card == json.loads(found.path.with_suffix(".json").read_text())
    assert (head.card["benchmark"]["id"], head.card["people"]) == ("studio", 160)
    rows = found.path.with_suffix(".csv").read_text().splitlines()
    assert len(rows) > 4
    assert head_bytes(name, head) == found.path.read_bytes()
    assert load_file(found.path)["bias"].shape == head.bias.shape


def test_discriminants_are_shrunken_fisher():
    """Compared with the textbook form: the generalised eigenvectors of between and within scatter."""
    from scipy.linalg import eigh

    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(6), 7)
    x = rng.normal(size=(6, 9))[label] * 2 + rng.normal(size=(42, 9)) * rng.uniform(0.5, 3, 9)
    weight, bias = discriminants(x, label)
    assert weight.shape == (9, 5)
    z = (x - x.mean(0)) / x.std(0)
    means = np.stack([z[label == c].mean(0) for c in range(6)])
    within = z - means[label]
    between = (means - means.mean(0)).T @ (means - means.mean(0))
    axes = eigh(between, within.T @ within / len(z) + np.eye(9))[1][:, ::-1][:, :5]
    ours, theirs = x @ weight + bias, z @ axes
    for k in range(5):
        assert abs(np.corrcoef(ours[:, k], theirs[:, k])[0, 1]) == pytest.approx(1, abs=1e-9)
    class_means = np.stack([ours[label == c].mean(0) for c in range(6)])
    np.testing.assert_allclose(class_means.mean(0), 0, atol=1e-9)
    assert (class_means**2).mean() == pytest.approx(1)
    order = rng.permutation(42)
    np.testing.assert_allclose(discriminants(x[order], label[order])[0], weight, atol=1e-9)


def test_balanced_ridge_is_weighted_least_squares():
    rng = np.random.default_rng(0)
    first = np.arange(30) < 4
    x = rng.normal(size=(30, 5)) + first[:, None]
    weight, bias = balanced_ridge(x, first, 0.02)
    share = np.where(first, 0.5 / 4, 0.5 / 26)
    z = np.hstack([x / x.std(0), np.ones((30, 1))])
    penalty = np.diag([0.02 * 5] * 5 + [0])
    expected = np.linalg.solve(z.T @ (share[:, None] * z) + penalty, z.T @ (share * np.where(first, 1, -1)))
    np.testing.assert_allclose(x @ weight[:, 0] + bias, z @ expected, atol=1e-9)
    twice = balanced_ridge(np.vstack([x, x[~first]]), np.append(first, np.zeros(26, bool)), 0.02)
    spread = np.vstack([x, x[~first]]).std(0) / x.std(0)
    assert spread == pytest.approx(1, abs=0.2)
    assert np.corrcoef((x @ twice[0])[:, 0], (x @ weight)[:, 0])[0, 1] > 0.99, "the size of a class does not matter"


def test_the_threshold_gives_equal_errors():
    rng = np.random.default_rng(0)
    first = rng.random(400) < 0.85
    output = rng.normal(size=400) + np.where(first, 1.5, -0.5)
    cut = equal_error_threshold(output, first)
    errors = (output[first] <= cut).mean(), (output[~first] > cut).mean()
    assert errors[0] == pytest.approx(errors[1], abs=0.02)
    assert equal_error_threshold(output * 2 + 1, first) == pytest.approx(cut * 2 + 1)


def test_found_again_against_sorting():
    rng = np.random.default_rng(0)
    items = np.repeat([f"i{i:02}" for i in range(8)], 4)
    features = rng.normal(size=(8, 6))[np.arange(32) // 4] + rng.normal(size=(32, 6)) * 1.5
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = []
    for target in range(32):
        for source in range(32):
            if source == target or items[source] != items[target]:
                continue
            gallery = [i for i in range(32) if i not in (source, target)]
            best = sorted(gallery, key=lambda i: -(unit[i] @ unit[target]))[:10]
            expected.append(sum(items[i] == items[target] for i in best) / 2)
    assert found_again(features, items) == (pytest.approx(np.mean(expected)), 96)
    assert 0.3 < np.mean(expected) < 0.95


def test_recoloured_permutes_channels():
    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    seen = {recoloured(i, image).tobytes() for i in range(10)}
    assert len(seen) == 5
    assert image.tobytes() not in seen
    assert all((np.sort(recoloured(i, image), axis=2) == np.sort(image, axis=2)).all() for i in range(5))


def test_the_shipped_head_is_better_than_imagenet_on_unseen_people():
    """On real images of fourteen people of studio's test split, with EfficientNet-lite0, the cheaper backbone."""
    from fhpt_bench.data.images import read_image
    from fhpt_bench.networks.efficientnet import EfficientNetLite0

    studio, backbone = load_benchmark("studio"), BACKBONES["efficientnet-lite0"]
    items = np.array([parse_name(name).item for name in studio.images])
    some = np.isin(items, np.unique(items)[::3])
    images = np.stack([read_image(studio.folder / name) for name, it in zip(studio.images, some, strict=True) if it])
    seen = EfficientNetLite0("cpu").extract(images)[:, backbone.seen]
    plain, trained = (
        found_again(x, items[some])[0] for x in (seen, load_head(backbone.retrieval_head, backbone)(seen))
    )
    assert plain < 0.6 < 0.9 < trained


def test_resnet50_is_trained_and_run_like_the_others(training_benchmark, tmp_path, monkeypatch):
    """With random weights in a local file: tests only that the code runs."""
    import torch

    from fhpt_bench.networks.resnet import ResNet50Pooled

    with torch.random.fork_rng():
        torch.manual_seed(0)
        tensors = ResNet50Pooled.network().state_dict()
    arrays = {key: tensor.numpy() for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
    folder = tmp_path / "weights"
    folder.mkdir()
    facts = {"name": "resnet50", "digest": tensor_digest(arrays), "origin": "random numbers"}
    save_file(arrays, folder / "resnet50.safetensors", facts)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(folder))
    result = train("retrieval-resnet50", str(training_benchmark), out=tmp_path / "out", device="cpu")
    shutil.copy(result["head"], folder)
    chosen = ["retrieval:unique-resnet50", "retrieval:unique-resnet50-imagenet"]
    record = fb.run("copy-source", str(training_benchmark), chosen, out=tmp_path / "run")
    assert [record[key].status for key in chosen] == ["ok", "ok"]
    assert {stage.name: stage.forwards for stage in record.stages if stage.forwards} == {"resnet50-pooled": 24}
