"""A campaign of faults: kills, full disks, commands on one folder, bad input; the results are in docs/reliability.md."""
