"""The systems to beat: one file (or folder) each, registered as a third party's would be."""
