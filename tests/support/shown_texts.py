"""Every text that a page sends to the browser, with the language in which it is read there.

Streamlit's messages are walked field by field, so that no kind of element is forgotten: a text in a field that is not
named here is an error of the reader, which then needs its language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest


class Language(Enum):
    MARKDOWN = "Streamlit's Markdown"
    HTML = "HTML"
    PLOTLY = "plotly's pseudo-HTML"
    PLAIN = "plain text"


@dataclass(frozen=True)
class Text:
    """`place` is "Message.field"."""

    place: str
    language: Language | None  # None if it is not listed below
    written: str


# By field, for any element: what Streamlit's components read as Markdown.
_MARKDOWN = frozenset(("label", "help"))
# By element and field.
_LANGUAGES = {
    "Heading.body": Language.MARKDOWN,
    "Markdown.body": Language.MARKDOWN,
    "Alert.body": Language.MARKDOWN,
    "Toast.body": Language.MARKDOWN,
    "Option.content": Language.MARKDOWN,  # of a segmented control
    "Html.body": Language.HTML,
    "Code.code_text": Language.PLAIN,
    "Selectbox.options": Language.PLAIN,
    "MultiSelect.options": Language.PLAIN,
    "Slider.options": Language.MARKDOWN,
    "Dataframe.alt": Language.PLAIN,
    "TextInput.value": Language.PLAIN,
    "TextInput.default": Language.PLAIN,
    "TextInput.placeholder": Language.PLAIN,
    "TextArea.value": Language.PLAIN,
    "TextArea.default": Language.PLAIN,
    "TextArea.placeholder": Language.PLAIN,
    "Selectbox.placeholder": Language.PLAIN,
    "MultiSelect.placeholder": Language.PLAIN,
}
# Values that are sent back or name an element, and are not shown.
_UNSEEN = re.compile(r"\.(?:id|raw_value|raw_values|query_param_key|default_tab_label|deferred_file_id|url|columns)$")
_NAMES = frozenset(("uirevision", "legendgroup"))  # of a figure: when a zoom is kept, and which lines go together
_SOURCES = ("BidiComponent.js_content", "BidiComponent.css_content", "BidiComponent.html_content")


def texts(app: AppTest) -> list[Text]:
    """Of the whole page, in no order."""
    found: list[Text] = []
    for message in _messages(app._tree):
        found += _of_message(message)
    for table in app.dataframe:
        for column in table.value:
            found += [Text(f"cell of {column}", Language.PLAIN, cell) for cell in _cells(table.value[column])]
    return found


def _messages(node: Any) -> Iterator[Any]:
    if getattr(node, "proto", None) is not None:
        yield node.proto
    for child in getattr(node, "children", {}).values():
        yield from _messages(child)


def _of_message(message: Any) -> Iterator[Text]:
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for one in values:
            if hasattr(one, "ListFields"):
                yield from _of_message(one)
            elif isinstance(one, str):
                yield from _of_field(f"{message.DESCRIPTOR.name}.{field.name}", field.name, one)


def _of_field(place: str, name: str, written: str) -> Iterator[Text]:
    if place == "BidiComponent.json":
        yield from _of_chart(written)
    elif place in _LANGUAGES:
        yield Text(place, _LANGUAGES[place], written)
    elif name in _MARKDOWN:
        yield Text(place, Language.MARKDOWN, written)
    elif not _UNSEEN.search(place) and place not in _SOURCES:
        yield Text(place, None, written)


def _of_chart(written: str) -> Iterator[Text]:
    chart = json.loads(written)
    if chart:
        yield Text("label of a chart", Language.PLAIN, chart["label"])
        yield from (Text("figure", Language.PLOTLY, text) for text in _strings(json.loads(chart["figure"])))


def _strings(plain: Any) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict):
        for key, value in plain.items():
            yield from () if key in _NAMES else _strings(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _strings(value)


def _cells(column: Any) -> Iterator[str]:
    for cell in column:
        for text in cell if isinstance(cell, (list, tuple)) or hasattr(cell, "tolist") else [cell]:
            if isinstance(text, str):  # a link shows the part after its #
                yield unquote(text.partition("#")[2]) if text.startswith("/") and "#" in text else text


def shown(text: Text) -> list[str]:
    """The text that a reader sees or hears: several if tags divide it. Markup that takes effect is not included."""
    match text.language:
        case Language.PLAIN:
            return [text.written]
        case Language.HTML | Language.PLOTLY:
            return _Reader.read(text.written)
        case Language.MARKDOWN:
            return _of_markdown(text.written)
    raise AssertionError(f"{text.place}: say in shown_texts.py in which language it is read: {text.written!r}")


class _Reader(HTMLParser):
    """Text between tags, and values of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @classmethod
    def read(cls, html: str) -> list[str]:
        reader = cls()
        reader.feed(html)
        reader.close()
        return reader.seen

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [value for name, value in attrs if value and name not in ("href", "src", "style")]

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


JOINER = "\u2060"  # has no width: separates what Streamlit would replace in the final text
_BREAKS, _TEXTS = ("softbreak", "hardbreak"), ("text", "text_special", "code_inline")
_ESCAPED = "\x00"  # represents an escaped character, so that Streamlit does not interpret it
_DIRECTIVE = re.compile(r":[a-z-]+\[")
_FORMULA = re.compile(r"\$[^$]+\$")
_SYMBOL = re.compile(r":[\w+\-/]+:|<-|->|<=|>=|~=|https?://|www\.|\w@\w+\.")
_OURS = re.compile(r"^\$[^$]+\$ &nbsp;:gray\[:small\[(.*)\]\]$")  # the label of θ's sliders


def _of_markdown(written: str) -> list[str]:
    """Parsed as CommonMark, then searched for Streamlit's additions; any that remain are put in ⟨⟩."""
    ours = _OURS.match(written)
    parser = MarkdownIt("commonmark").enable("strikethrough").disable("text_join")
    blocks: list[str] = []
    for block in parser.parse(ours[1] if ours else written):
        if block.type in ("fence", "code_block"):
            blocks.append(block.content)
        if block.type == "inline":
            blocks.append("".join(_inline(block.children or [])))
    return blocks


def _inline(tokens: list[Any]) -> Iterator[str]:
    characters: list[tuple[str, bool]] = []  # each, and whether it is text that Streamlit looks through
    for token in tokens:
        if token.type in _BREAKS:
            characters.append(("\n", True))
        elif token.type in _TEXTS:
            characters += [(c, token.type == "text") for c in token.content]
    written = "".join(c for c, _ in characters)
    read = "".join(c if free else _ESCAPED for c, free in characters)
    seen = written
    for pattern, where in ((_DIRECTIVE, read), (_FORMULA, read), (_SYMBOL, "".join(map(_finished, tokens)))):
        for found in pattern.finditer(where):
            seen = seen.replace(written[found.start() : found.end()], f"⟨{found[0]}⟩")
    yield seen.replace(JOINER, "")


def _finished(token: Any) -> str:
    """The final text, in which Streamlit replaces; code is left out, with its length kept."""
    if token.type in _BREAKS:
        return "\n"
    if token.type == "code_inline":
        return _ESCAPED * len(token.content)
    return token.content if token.type in _TEXTS else ""
