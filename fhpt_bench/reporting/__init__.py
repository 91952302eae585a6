"""What people look at: tables, plots and contact sheets."""
