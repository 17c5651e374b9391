"""How the documentation is built: ``sphinx-build -W docs docs/_build/html`` (bin/test does)."""

project = "peerserver"
copyright = "the peerserver authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
myst_heading_anchors = 3
