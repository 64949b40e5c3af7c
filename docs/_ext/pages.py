"""Which page stands where, and where links lead that leave ``docs/``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

OUTSIDE = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>\.\./[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
EXAMPLES = [  # the order of the gallery; others follow by name
    "quickstart",
    "plot_pipeline",
    "plot_grid_search",
    "plot_label_texts",
    "plot_label_frequency",
    "plot_calibration",
    "plot_threshold",
    "plot_shortlist",
    "plot_pretrained_vectors",
    "plot_partial_fit",
    "plot_explain",
    "plot_save_and_load",
]
INCLUDED = {  # files of the root that are pages of the site, too
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../SECURITY.md": "security.md",
    "../README.md": "index.md",
}


def example_order(name: str) -> tuple[int, str]:
    """Key that sorts the examples."""
    stem = Path(name).stem
    return (EXAMPLES.index(stem) if stem in EXAMPLES else len(EXAMPLES), stem)


def section_pages(docs: Path, sections: dict[str, list[str]], section: str) -> list[str]:
    """Pages of a section that are there; ``...`` stands for those that no section names."""
    there = {path.stem for path in docs.glob("*.md")} - {"index"}
    named = {page for pages in sections.values() for page in pages} | set(sections)
    pages: list[str] = []
    for page in sections[section]:
        if page == "...":
            pages += sorted(there - named)
        elif page in there:
            pages.append(page)
    return pages


def lead(match: re.Match[str], docs: Path) -> str:
    """A link out of ``docs/``: to the gallery, to a page, or, failing both, a plain path."""
    path, text = match["path"].rstrip("/"), match["text"]
    stem = Path(path).stem
    if re.fullmatch(r"\.\./examples/(plot_\w+|quickstart)\.py", path):
        return f"[{text}](/auto_examples/{stem}.rst)"
    if path in INCLUDED:
        return f"[{text}]({INCLUDED[path]}{match['anchor'] or ''})"
    if not (docs / path).exists():
        raise FileNotFoundError(f"A link leads to {path}, which is not there.")
    if (docs / path).is_file() and path.endswith((".py", ".txt", ".toml", ".json")):
        return f"{{download}}`{text} <{path}>`"
    plain = text.strip("`")
    own = path.removeprefix("../")
    return f"`{own}`" if plain in (own, Path(own).name) else f"{text} (`{own}`)"


def toctree(pages: list[str], option: str) -> str:
    """The directive that makes these pages part of one."""
    return "\n".join(["", "```{toctree}", option, "", *(f"/{page}" for page in pages), "```", ""])


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the pages of a section, and turn links that leave the folder."""
    docs, sections = Path(app.srcdir), app.config.page_sections
    if "/" not in docname:
        source[0] = OUTSIDE.sub(lambda match: lead(match, docs), source[0])
    pages = section_pages(docs, sections, docname) if docname in sections else []
    if pages:  # a page of the guide says itself what belongs to it, those of sections/ do not
        source[0] += toctree(pages, ":maxdepth: 2" if "/" in docname else ":hidden:")


def rewrite_included(
    app: Sphinx, relative_path: Path, parent_docname: str, content: list[str]
) -> None:
    """The same for a file of the root that a page includes."""
    content[0] = re.sub(r"\]\((?=[\w.-]+/?)(?!\w+:)", "](../", content[0])
    content[0] = content[0].replace("](../docs/", "](")
    content[0] = OUTSIDE.sub(lambda match: lead(match, Path(app.srcdir)), content[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the settings and the hooks."""
    app.add_config_value("page_sections", {}, "env")
    app.connect("source-read", rewrite)
    app.connect("include-read", rewrite_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
