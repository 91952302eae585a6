"""The benchmarks that ship with the package, each one TOML file."""

from pathlib import Path

DEEPFASHION = Path(__file__).with_name("deepfashion.toml")
STUDIO = Path(__file__).with_name("studio.toml")
