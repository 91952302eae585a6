"""The version of fhpt-bench; pyproject.toml reads it from here."""

VERSION = "0.1.0"
