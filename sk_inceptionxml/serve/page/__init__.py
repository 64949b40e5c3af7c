"""The page on which a model can be tried: one HTML file without any outside resource."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)


def _digests(page: str, tag: str) -> str:
    """What a Content-Security-Policy needs to let the page's own scripts or styles run."""
    found = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in found]
    return " ".join(f"'sha256-{digest}'" for digest in hashes)


PAGE = (Path(__file__).parent / "index.html").read_text(encoding="utf-8")
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_digests(PAGE, 'script')}; "
        f"style-src {_digests(PAGE, 'style')}; connect-src 'self'; img-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/")
async def page() -> Response:
    """The page."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)
