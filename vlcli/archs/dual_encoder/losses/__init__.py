"""Losses of aligned features, one file a family; `objectives.py` is their table."""
