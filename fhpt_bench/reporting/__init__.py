"""Reports for people: tables, plots and contact sheets."""
