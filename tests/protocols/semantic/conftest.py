"""A benchmark of small images of coloured noise: eight items with three views each."""

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 48, 32


@pytest.fixture
def small_benchmark(tmp_path, monkeypatch):
    from fhpt_bench.files import cache_folder

    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(cache_folder() / "weights"))
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    root, rng = tmp_path / "small", np.random.default_rng(0)
    (root / "test").mkdir(parents=True)
    pairs, keypoints = ["from,to"], ["name:keypoints_y:keypoints_x"]
    for item in range(8):
        names = [f"fashionMENDenimid{item:08d}01_{view}.jpg" for view in ("1front", "2side", "3back")]
        colour = rng.integers(0, 256, 3)
        for name in names:
            noise = rng.normal(0, 30, (HEIGHT, WIDTH, 3))
            Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)).save(root / "test" / name)
            keypoints.append(f"{name}: {[30] * 18}: {[20] * 18}")
        pairs += [f"{a},{b}" for a in names for b in names if a != b]
    (root / "pairs.csv").write_text("\n".join(pairs) + "\n")
    (root / "keypoints.csv").write_text("\n".join(keypoints) + "\n")
    settings = root / "small.toml"
    settings.write_text(
        'id = "small"\nversion = "1"\ntitle = "coloured noise"\nroot = "."\n'
        f"image_size = [{HEIGHT}, {WIDTH}]\n"
        'images = "test"\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\nprotocols = ["retrieval"]\n'
    )
    return settings
