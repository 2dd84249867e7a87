from importlib.metadata import version as installed_version

project = "econsim"
author = "The econsim developers"
project_copyright = "The econsim developers, Apache-2.0"
release = installed_version("econsim")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"econsim {release}"
html_show_sphinx = False
