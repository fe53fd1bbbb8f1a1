"""Sphinx's settings: the pages are MyST Markdown."""

project = "Outrider"
extensions = ["myst_parser"]
html_theme = "alabaster"
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
