"""A user's text is shown letter by letter: names, notes, paths and sentences are data, never markup.

Each surface reads text in a language of its own, and each has one way in: `html.escape` for HTML, `plain`,
`sentence` and `code` for what Streamlit reads as Markdown (messages, labels, options), `plotly_text` for plotly's
pseudo-HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

# What CommonMark, strikes, Streamlit's directives (`:red[…]`) and formulas (`$…$`) are made of.
_SPECIAL = re.compile(
    r"[\\`*\[\]<~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|:(?=[A-Za-z])"
    r"|^\s*(?:[#+\-=>]|\d+[.)](?=\s))",
    re.MULTILINE,
)
# What Streamlit replaces in the finished text, where no escape is seen: `:smile:`, icons, arrows, bare addresses.
_REPLACED = re.compile(r":(?=[\w+\-/]+:)|[<>~=-](?=[<>=-])|(?<=http)(?=s?:)|(?<=www)(?=\.)|(?<=\w)(?=@[\w-]+\.)")
_JOINER = "\u2060"  # a word joiner has no width and breaks no line
# Commands of ours alone: a name or a path with backticks of its own keeps them.
_CODE = re.compile(r"(`(?:focus|focus-lab|make|pip|sh) [^`\n]+`)")


def plain(text: object) -> str:
    """Markdown of Streamlit that shows just this text."""
    apart = _REPLACED.sub(lambda found: found[0] + _JOINER, str(text))
    return _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", apart)


def sentence(text: object) -> str:
    """Plain text whose `focus …` commands in backticks are set as code: what errors and the record say."""
    parts = _CODE.split(str(text))
    return "".join(part if _CODE.fullmatch(part) else plain(part) for part in parts)


def code(text: object) -> str:
    """Text set as code in a sentence of ours, whatever backticks it has."""
    fence = "`" * (1 + max(map(len, re.findall("`+", str(text))), default=0))
    return f"`{text}`" if len(fence) == 1 else f"{fence} {text} {fence}"


def plotly_text(text: object) -> str:
    """For names, titles, hover texts and annotations, where plotly obeys <b>, <br> and <a>."""
    return escape(str(text), quote=False)


def shortened(text: str, length: int) -> str:
    """Cut in the middle, because names of one series differ at their ends."""
    if len(text) <= length:
        return text
    tail = length // 2
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


def _common_beginning(names: Sequence[str]) -> int:
    """How many characters all of several names begin with."""
    first, last = min(names, default=""), max(names, default="")
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)


def told_apart(names: Iterable[str], length: int = 32) -> list[str]:
    """Short forms of names that stand beside one another; equal only where the names are.

    A long common beginning is left out first, as much of it as has no room, then the middle, and what is still
    ambiguous stays whole.
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
    """Names for a place that cuts what is longer: whole, but for those that would look alike there."""
    whole = list(names)
    alike: dict[str, set[str]] = {}
    for name in whole:
        alike.setdefault(name[:length], set()).add(name)
    forms: dict[str, str] = {}
    for group in (sorted(group) for group in alike.values() if len(group) > 1):
        forms |= dict(zip(group, told_apart(group, length), strict=True))
    return [forms.get(name, name) for name in whole]
