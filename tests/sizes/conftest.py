"""The command line without tracebacks, as in tests/hostile."""

from tests.hostile.conftest import call  # noqa: F401
