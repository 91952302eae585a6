"""The networks that protocols and losses look through, one file each."""
