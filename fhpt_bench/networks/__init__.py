"""The networks whose features protocols and losses use, one file each."""
