"""Figures beside their references; see `python -m bench`."""
