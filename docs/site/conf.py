"""How Sphinx builds the site out of what `python -m zoo_site` has written."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "zoo"
author = "the zoo contributors"
copyright = f"2026, {author}. BSD-3-Clause"
release = version = (HERE.parents[1] / "VERSION").read_text(encoding="utf-8").strip()

extensions = ["myst_parser", "sphinx_copybutton", "zoo_site.page_files"]
source_suffix = {".md": "markdown"}
nitpicky = True
highlight_language = "text"  # where a block says nothing

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "fieldlist"]
myst_links_external_new_tab = False

html_theme = "pydata_sphinx_theme"
html_title = "zoo"
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("versions.js", "from_file.js", "toggles.js")]
templates_path = ["templates"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    # of the solid icons, which are loaded anyway: those of brands weigh 110 kB
    "icon_links": [{"name": "Repository", "url": "https://github.com/org/zoo", "icon": "fa-solid fa-code-branch"}],
    "logo": {"text": "zoo"},
    "navbar_start": ["navbar-logo", "versions"],
    "navbar_align": "left",
    "show_toc_level": 1,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
nitpick_ignore_regex = [(r"py:.*", r"(?!zoo_).*")]  # what is not ours is described elsewhere, and no network is used
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
add_module_names = False
