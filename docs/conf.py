"""Settings of the documentation site; ``make docs`` builds it."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from sk_inceptionxml import __version__  # noqa: E402

project = "sk-inceptionxml"
author = "sk-inceptionxml developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "flowchart",
    "mathml",
    "pages",
    "results_picture",
]
exclude_patterns = ["_build", "_ext", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = False  # types of other packages stand in docstrings, and no inventory is downloaded
show_warning_types = True
suppress_warnings = [
    "misc.highlighting_failure",  # answers in JSON are shortened by three dots
]

# The page of each section, and the pages below it in this order. A page that is named nowhere joins
# the section with the dots, so that a new page is on the site at once.
page_sections = {
    "user-guide": [
        "getting-started",
        "guide-inputs",
        "guide-heads",
        "guide-label-texts",
        "guide-rare-labels",
        "guide-probabilities",
        "guide-word-vectors",
        "guide-training",
        "guide-learning-further",
        "guide-explanations",
        "guide-search",
        "guide-saving",
        "memory-and-time",
        "plots",
        "method",
    ],
    "sections/how-to": ["recipes", "migrating", "large-data", "cluster", "service", "annif", "..."],
    "sections/reference": ["api", "command-line", "bad-input", "limits", "glossary"],
    "results": ["results-details", "results-appendix"],
    "sections/project": ["contributing", "architecture", "versioning", "changelog", "security"],
}

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution"]
myst_fence_as_directive = {"math", "mermaid"}
myst_heading_anchors = 4
myst_substitutions = {"version": __version__}

toc_object_entries_show_parents = "hide"
autodoc_mock_imports = ["annif"]  # its versions of other packages are not ours
autodoc_typehints = "none"  # numpydoc writes them
autosummary_generate = True
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "sk-inceptionxml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {
        "text": "sk-inceptionxml",
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "alt_text": "sk-inceptionxml",
    },
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if os.environ.get("GITHUB_REPOSITORY"):  # set by GitHub's runners
    html_theme_options["github_url"] = f"https://github.com/{os.environ['GITHUB_REPOSITORY']}"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"[/\\](plot_|quickstart)",
    "ignore_pattern": r"^(reproduce_paper|real_word_vectors|commit_files|train_distributed|_)",
    "within_subsection_order": "pages.example_order",
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "image_srcset": ["2x"],
    "matplotlib_animations": False,
    "doc_module": ("sk_inceptionxml",),
    "reference_url": {"sk_inceptionxml": None},
    "backreferences_dir": "generated/backreferences",
    "reset_modules": ("matplotlib",),
    "capture_repr": (),
    "default_thumb_file": str(DOCS / "_static" / "mark.svg"),
    "show_memory": False,
    "write_computation_times": False,
}

# warnings of the package and of an example are errors in the gallery, too
for module in (r"sk_inceptionxml\..*", "__main__"):
    warnings.filterwarnings("error", module=module)
