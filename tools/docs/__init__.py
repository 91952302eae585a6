"""Tools that generate pages of docs/ from the code, or fill in measured values."""
