"""Checks of the Detail Replenishing Network that take too long for the test suite."""
