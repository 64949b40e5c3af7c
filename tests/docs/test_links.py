"""Links between the pages lead somewhere, and so do their anchors."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PARSER = MarkdownIt("commonmark").enable("table")
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]
PAGES = sorted(p for p in PAGES if not {"_build", "auto_examples", "generated"} & set(p.parts))
BUILT = {"sections", "auto_examples"}  # folders of the site alone; Sphinx checks links into them


def slugs(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and the site make them."""
    tokens = PARSER.parse(page.read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    found = set()
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before.type == "heading_open":
            text = "".join(
                c.content for c in token.children or [] if c.type in ("text", "code_inline")
            )
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def links(page: Path) -> list[str]:
    """Addresses of links and pictures."""
    found = []
    for token in PARSER.parse(page.read_text(encoding="utf-8")):
        for child in token.children or []:
            address = child.attrGet("href") or child.attrGet("src")
            if address:
                found.append(unquote(str(address)))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        if path.split("/")[0] in BUILT or path.startswith("/"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor and target.suffix == ".md":
            assert anchor in slugs(target), f"{link}: there is no such heading"


def test_every_page_is_read():
    assert len(PAGES) > 15


def test_a_dead_anchor_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`, three!\n\n[a](#one-two-three) [b](#four)\n\n## One two three\n")
    assert slugs(page) == {"one-two-three", "one-two-three-1"}
    assert links(page) == ["#one-two-three", "#four"]
