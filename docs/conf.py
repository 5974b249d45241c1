"""Configuration of the documentation site; CONTRIBUTING.md has the command that builds it.

The build needs no network, and the built site asks for nothing outside its folder.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import usage_analysis

project = "usage-analysis"
author = "the usage-analysis authors"
project_copyright = "the usage-analysis authors. MIT licence. Not affiliated with Ultravox"
version = release = usage_analysis.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "examples",
    "gallery",
    "links",
    "notebooks",
    "reference",
]
exclude_patterns = ["_build"]
nitpicky = True
# Types of other packages, which have their own documentation; the build downloads no inventory.
nitpick_ignore_regex = [("py:.*", r"(?!usage_analysis\.).*")]
# Types in signatures that are no public names. Docstrings say what matters about them.
nitpick_ignore = [
    ("py:class", f"usage_analysis.{name}")
    for name in (
        "analysis.meaning.Meaning",
        "analysis.selection.SelectedUsage",
        "archive.client.ArchiveClient",
        "archive.store.Damage",
        "archive.syncing.SyncResult",
        "dashboard.views.Download",
        "fetch.base.AccountNames",
        "fetch.base.BaseClient",
        "fetch.base.BreakdownOptions",
        "fetch.fetcher.Reply",
        "fetch.threads.CancelToken",
        "figures.labels.Caption",
        "query.CallFilters",
        "tidy.groups.Data",
    )
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # curly quotes, but no dash for the two hyphens of an option
# Notebooks are shown with the outputs that are stored in them.
nb_execution_mode = "off"
nb_mime_priority_overrides = [("html", "image/png", 15)]

autodoc_member_order = "groupwise"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "usage-analysis"
html_sidebars = {"start": []}  # it has no pages below it
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_search_summary = False  # a page opened as a file must not fetch others
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "collapse_navigation": True,  # a page has the branch that it is in, which also builds faster
}
