"""What MkDocs does not do by itself: the role diagram drawn, and a look at the finished pages."""

import logging
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
LOG = logging.getLogger("mkdocs.hooks.pages")

DRAWN = re.compile(r"```mermaid\n.*?```|!\[[^\]]*\]\(roles\.svg\)", re.S)
FROM_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^\s\">]+"
)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:  # noqa: ANN401 - of MkDocs
    """Put the drawing itself where a page has its Mermaid text, which no browser shows, or has it
    as an image, which would not follow the colours of the page.
    """
    if not DRAWN.search(markdown):
        return markdown
    assert page.file.src_uri in ("roles.md", "architecture.md"), "there is one drawing"
    drawing = (DOCS / "roles.svg").read_text(encoding="utf-8")
    return DRAWN.sub(lambda _: f'<div class="drawing">\n{drawing}</div>', markdown)


def on_post_build(config: Any, **_: Any) -> None:  # noqa: ANN401
    """A page that needs the network is a mistake; `--strict` makes an error of the warning."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        for found in FROM_ELSEWHERE.findall(path.read_text(encoding="utf-8")):
            LOG.warning("%s needs the network: %s", path.relative_to(config.site_dir), found)
