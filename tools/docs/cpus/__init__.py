"""How far scores move between CPUs: runs of a model with fewer instruction sets, compared for docs/precision.md."""
