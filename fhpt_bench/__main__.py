"""`python -m fhpt_bench`, which launchers of many processes need."""

from fhpt_bench.cli import main

main()
