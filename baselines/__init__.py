"""Baseline models, one file or folder each, registered as third-party models are."""
