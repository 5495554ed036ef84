"""How Sphinx builds the site out of what `python -m zoo_site` has written."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "zoo"
author = "the zoo authors"
release = version = (HERE.parents[1] / "VERSION").read_text(encoding="utf-8").strip()

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design", "zoo_site.page_files"]
source_suffix = {".md": "markdown"}
nitpicky = True
suppress_warnings = ["toc.empty_glob"]  # there may be no page of a kind yet

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_links_external_new_tab = False

html_theme = "pydata_sphinx_theme"
html_title = "zoo"
html_static_path = ["static"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "icon_links": [{"name": "Repository", "url": "https://github.com/org/zoo", "icon": "fa-brands fa-github"}],
    "navbar_align": "left",
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
