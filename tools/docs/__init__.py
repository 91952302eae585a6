"""Writes the pages of docs/ that are made from the code, or filled with what it measures."""
