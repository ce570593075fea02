"""HTML and SVG as trees: what is a text in the tree is a text on the page, whatever it says."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Child = Element | str | None


def element(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """An element. None is left out, of children and attributes; `stroke_width` is stroke-width,
    and `class_` is class.
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), value_text(value))
    for child in children:
        if isinstance(child, str):
            if len(made):
                made[-1].tail = (made[-1].tail or "") + child
            else:
                made.text = (made.text or "") + child
        elif child is not None:
            made.append(child)
    return made


def value_text(value: str | float) -> str:
    """Numbers have two decimals at most: less than a pixel of any screen."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def percent(value: float) -> str:
    """A place or a length in a drawing, as a part of its width or height."""
    return f"{value_text(value)}%"


def html_bytes(page: Element) -> bytes:
    """A whole page."""
    text = ElementTree.tostring(page, encoding="unicode", method="html")
    return f"<!doctype html>\n{text}\n".encode("utf-8", "xmlcharrefreplace")
