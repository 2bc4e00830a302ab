"""Rendering of Markdown and source code: text of strangers in, safe HTML out."""
