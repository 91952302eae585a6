"""The benchmarks that ship with the package, one TOML file each."""

from pathlib import Path

DEEPFASHION = Path(__file__).with_name("deepfashion.toml")
DEEPFASHION_512 = Path(__file__).with_name("deepfashion-512.toml")
MARKET1501 = Path(__file__).with_name("market1501.toml")
STUDIO = Path(__file__).with_name("studio.toml")
STUDIO_SWAPS = Path(__file__).with_name("studio-swaps")  # images of `studio` for the audit; no benchmark of its own
STUDIO_512 = Path(__file__).with_name("studio-512.toml")
