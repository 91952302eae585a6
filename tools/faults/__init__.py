"""A campaign of faults: kills, full disks, two commands on one folder, bad input; results: docs/reliability.md."""
