"""Texts in a drawing: in one line, not too long, as wide as they will look, inert as markup.

Nobody asks for fonts while drawing. Widths are those of Helvetica, after the metrics that Adobe
published for it (Adobe Technical Note 5004); Arial, Liberation Sans and Nimbus Sans share them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Thousandths of the size of the letters, by letter.
_WIDTHS: Final = {
    letter: width
    for width, letters in {
        222: "'ijl",
        260: "|",
        278: " !,./:;I[\\]ft",
        333: "()-`r",
        334: "{}",
        355: '"',
        389: "*",
        469: "^",
        500: "Jcksvxyz",
        556: "#$0123456789?L_abdeghnopqu",
        584: "+<=>~",
        611: "FTZ",
        667: "&ABEKPSVXY",
        722: "CDHNRUw",
        778: "GOQ",
        833: "Mm",
        889: "%",
        944: "W",
        1000: "…",
        1015: "@",
    }.items()
    for letter in letters
}
_OTHER: Final = 600
_WIDE: Final = 1050
#: Where Helvetica is missing, another font stands in: some are wider.
_SLACK: Final = 1.05


def shortened(text: str, longest: int = 40) -> str:
    """A text in one line that a drawing can show; 40 is a guess at what an eye takes in."""
    words = " ".join(text[: 4 * longest].split())
    words = "".join(each if each.isprintable() else "�" for each in words)
    return words if len(words) <= longest else words[: longest - 1] + "…"


def width(text: str, size: float) -> float:
    """How wide a text is at this size of letters."""
    return sum(_WIDTHS.get(each) or _width_of(each) for each in text) * size * _SLACK / 1000


def _width_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return _WIDE if unicodedata.east_asian_width(letter) in "WF" else _OTHER


def markup(text: str) -> str:
    """A text within XML, or in an attribute of it: only letters stand for themselves."""
    return re.sub(r"[&<>\"']", lambda found: f"&#{ord(found[0])};", text)


def took(seconds: float) -> str:
    """A duration in as few letters as say enough."""
    if seconds < 0.0005:
        return "<1ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60}h {minutes % 60:02}m"
