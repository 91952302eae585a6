"""The benchmarks that ship with the package, each one TOML file."""

from pathlib import Path

STUDIO = Path(__file__).with_name("studio.toml")
