"""A user's text is shown literally: names, notes, paths and sentences are data, never markup.

Each surface reads text in its own language, and each has one escape function: `html.escape` for HTML, `plain`,
`sentence` and `code` for what Streamlit reads as Markdown (messages, labels, options), `plotly_text` for plotly's
pseudo-HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

# Characters that have a meaning in CommonMark, strike-through, Streamlit's directives (`:red[…]`) and formulas (`$…$`).
_SPECIAL = re.compile(
    r"[\\`*\[\]<~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|:(?=[A-Za-z])"
    r"|^\s*(?:[#+\-=>]|\d+[.)](?=\s))",
    re.MULTILINE,
)
# What Streamlit replaces in the final text, regardless of escapes: `:smile:`, icons, arrows, bare addresses.
_REPLACED = re.compile(r":(?=[\w+\-/]+:)|[<>~=-](?=[<>=-])|(?<=http)(?=s?:)|(?<=www)(?=\.)|(?<=\w)(?=@[\w-]+\.)")
_JOINER = "\u2060"  # a word joiner has no width and breaks no line
# Our own commands only: a name or a path with backticks keeps them.
_CODE = re.compile(r"(`(?:focus|focus-lab|make|pip|sh) [^`\n]+`)")


def plain(text: object) -> str:
    """Streamlit Markdown that shows exactly this text."""
    apart = _REPLACED.sub(lambda found: found[0] + _JOINER, str(text))
    return _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", apart)


def sentence(text: object) -> str:
    """Plain text in which `focus …` commands in backticks are set as code: for errors and sentences of the record."""
    parts = _CODE.split(str(text))
    return "".join(part if _CODE.fullmatch(part) else plain(part) for part in parts)


def code(text: object) -> str:
    """Text set as code within a sentence of ours, whatever backticks it contains."""
    fence = "`" * (1 + max(map(len, re.findall("`+", str(text))), default=0))
    return f"`{text}`" if len(fence) == 1 else f"{fence} {text} {fence}"


def plotly_text(text: object) -> str:
    """For names, titles, hover texts and annotations, where plotly interprets <b>, <br> and <a>."""
    return escape(str(text), quote=False)


def shortened(text: str, length: int) -> str:
    """Cut in the middle, because names of one series differ at their ends."""
    if len(text) <= length:
        return text
    tail = length // 2
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


def _common_beginning(names: Sequence[str]) -> int:
    """The number of leading characters that several names have in common."""
    first, last = min(names, default=""), max(names, default="")
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)


def told_apart(names: Iterable[str], length: int = 32) -> list[str]:
    """Short forms of names that are shown together; equal only where the names are equal.

    A long common beginning is shortened first, as far as needed, then the middle; a name that would still be
    ambiguous is not shortened.
    """
    whole = list(names)
    common = _common_beginning(whole)
    skip = max(common - length // 4, 0)

    def short(name: str) -> str:
        if len(name) <= length or skip <= 1:
            return shortened(name, length)
        rest = f"…{name[skip:]}"
        return name[: max(length - len(rest), 0)] + shortened(rest, length)

    shorts = [short(name) for name in whole]
    meant: dict[str, set[str]] = {}
    for name, form in zip(whole, shorts, strict=True):
        meant.setdefault(form, set()).add(name)
    return [form if len(meant[form]) == 1 else name for name, form in zip(whole, shorts, strict=True)]


def told_apart_when_cut(names: Iterable[str], length: int) -> list[str]:
    """Names for a place that cuts long ones: whole, except those that would look alike after the cut."""
    whole = list(names)
    alike: dict[str, set[str]] = {}
    for name in whole:
        alike.setdefault(name[:length], set()).add(name)
    forms: dict[str, str] = {}
    for group in (sorted(group) for group in alike.values() if len(group) > 1):
        forms |= dict(zip(group, told_apart(group, length), strict=True))
    return [forms.get(name, name) for name in whole]
