"""Faces, garments and joints, compared with dlib, brute force, and the steps of PATN's tool."""

from __future__ import annotations

import itertools

import numpy as np

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.networks.faces import BOX, EMBEDDING, DlibFaces
from protocols.semantic import face_identity
from protocols.semantic.retrieval import search_gallery
from protocols.structural.pckh import pckh_hits
from tools.docs.precision.rows import Row, apart, test_module

FACES = "fhpt_bench/networks/test_faces.py"


def faces() -> list[Row]:
    """Boxes, embeddings and distances, compared with dlib as face_recognition calls it."""
    folder = load_benchmark("studio").folder
    fronts = [read_image(path) for path in sorted(folder.glob("*_1front.jpg"))]
    backs = [read_image(path) for path in sorted(folder.glob("*_3back.jpg"))[:5]]
    wide = np.concatenate([fronts[0], fronts[1], fronts[0]], axis=1)[:-3]
    network, boxes, embeddings, first = DlibFaces("cpu"), [0.0], [0.0], []
    for image in (*fronts, *backs, wide, fronts[0][:79, :40]):
        (found,) = network.extract(image[np.newaxis])
        locations, encodings = test_module(FACES)["reference_encodings"](image)
        if np.isfinite(found[:, 0]).sum() != len(locations):
            raise ValueError("dlib finds a different number of faces than the feature has")
        for row, box, encoding in zip(found, locations, encodings, strict=False):
            boxes.append(apart(row[BOX], [box.left(), box.top(), box.right(), box.bottom()]))
            embeddings.append(apart(row[EMBEDDING], encoding))
        first.append(encodings[0] if encodings else None)
    inputs = (
        f"{len(fronts)} front and {len(backs)} back views of studio (256x176), three faces in 253x528, one in 79x40"
    )
    call = "face_recognition's formula, with dlib"
    expected = [np.linalg.norm(a - b) for a, b in itertools.pairwise(first[: len(fronts)])]
    distance = face_identity(np.stack(fronts[:-1]), np.stack(fronts[1:]))
    test = "protocols/semantic/test_face_identity.py"
    return [
        Row("dlib-faces", f"{call}: boxes", "dlib-bin", inputs, 0, max(boxes), "pixels", FACES),
        Row("dlib-faces", f"{call}: embeddings", "dlib-bin", inputs, 0, max(embeddings), "", FACES),
        Row("face-id", f"{call}: distance of two images", "dlib-bin", f"{len(expected)} pairs of front views", 1e-12,
            apart(distance, expected), "", test),
    ]  # fmt: skip


def retrieval() -> Row:
    """Rankings that differ from sorting in Python, over galleries with ties, copies and excluded entries."""
    test = "protocols/semantic/test_retrieval.py"
    module, wrong = test_module(test), 0
    for given in module["TASKS"]:
        queries, gallery, query_items, gallery_items, names, left_out = given
        found = search_gallery(queries, gallery, query_items, gallery_items, None, names, left_out)
        for row, answer in zip(found.relevant.tolist(), module["brute_force"](*given), strict=True):
            wrong += row[: len(answer)] != [relevant for relevant, _ in answer]
    shapes = ", ".join(f"{len(task[0])}x{len(task[1])}x{task[1].shape[1]}" for task in module["TASKS"])
    inputs = f"seeded integers with ties and copies, queries x entries x dimensions: {shapes}"
    return Row("search_gallery (FAISS)", "brute force in float64", "", inputs, 0, wrong, "rankings", test)


def joints() -> Row:
    """Joints for which PATN's tool gives a different result."""
    test = "protocols/structural/test_pckh.py"
    module, wrong, counted = test_module(test), 0, 0
    for missing in (0.0, 0.3, 0.8):
        for seed in range(3):
            estimated, truth = module["make"](50, seed, missing)
            right, total = module["as_the_tool_does"](module["listed"](estimated), module["listed"](truth))
            ours = pckh_hits(estimated, truth)
            wrong += abs(int(ours[0].sum()) - right) + abs(int(ours[1].sum()) - total)
            counted += total
    inputs = f"9 seeded sets of 50 poses, {counted} joints, 0 to 80 % of them missing"
    return Row(
        "pckh:patn", "the steps of PATN's calPCKH_fashion.py, reimplemented", "", inputs, 0, wrong, "joints", test
    )
