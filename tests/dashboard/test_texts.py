"""A user's text is shown letter by letter, whatever it would mean to Markdown, HTML or plotly."""

from __future__ import annotations

import ast
from html import unescape
from pathlib import Path

import pytest

import dashboard
from dashboard.look.texts import code, plain, plotly_text, sentence, shortened, told_apart, told_apart_when_cut

JOINER = "\u2060"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run_of_2024.a-b (copy), 50 %", "run_of_2024.a-b (copy), 50 %"),
        ("# heading _x_", r"\# heading \_x\_"),
        ("**bold** ~~gone~~ `code`", r"\*\*bold\*\* \~\~gone\~\~ \`code\`"),
        ("<b>bold</b> &lt;", r"\<b>bold\</b> \&lt;"),
        ("$x^2$", r"\$x^2\$"),
        (":red[warm]", r"\:red\[warm\]"),
        ("[x](javascript:alert(1))", r"\[x\](javascript\:alert(1))"),
        ("1. first", r"1\. first"),
        ("- item", r"\- item"),
        ("> quote", r"\> quote"),
        (r"a\b", r"a\\b"),
    ],
)
def test_what_markdown_would_obey_is_escaped_and_nothing_else_changes(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("text", [":smile:", ":material/add:", ":material_add:", "a -> b", "https://x.org", "me@x.org"])
def test_what_streamlit_replaces_in_finished_text_is_kept_apart_without_a_visible_change(text: str) -> None:
    shown = plain(text)
    assert JOINER in shown
    assert shown.replace(JOINER, "").replace("\\", "") == text


def test_a_sentence_keeps_its_commands_as_code_and_its_values_as_text() -> None:
    assert sentence("data: '_x_' is not there; run `focus simulate --out a_b`.") == (
        r"data: '\_x\_' is not there; run `focus simulate --out a_b`."
    )


def test_backticks_that_somebody_wrote_stay_in_a_sentence() -> None:
    assert sentence("`k` was deleted") == r"\`k\` was deleted"


@pytest.mark.parametrize("text", ["<b>bold</b>", "a<br>b", "<a href='https://x.org'>x</a>", "a & b", "&lt;"])
def test_plotly_is_given_no_tag_and_shows_the_text_again(text: str) -> None:
    assert "<" not in plotly_text(text)
    assert unescape(plotly_text(text)) == text


@pytest.mark.parametrize(("path", "shown"), [("/a/_x_", "`/a/_x_`"), ("/a`b", "`` /a`b ``"), ("`` `", "``` `` ` ```")])
def test_a_path_is_set_as_code_whatever_backticks_it_has(path: str, shown: str) -> None:
    assert code(path) == shown


def test_names_with_one_beginning_differ_in_their_short_forms() -> None:
    names = [f"sweep of the learning rate on the quick suite at 64², lr {rate}" for rate in ("1e-3", "1e-4", "3e-4")]
    shorts = told_apart(names, 24)
    assert len(set(shorts)) == 3
    assert all(len(short) <= 24 for short in shorts)
    assert told_apart(["one", "two"], 24) == ["one", "two"]
    assert told_apart([names[0], names[0]], 24)[0] == told_apart([names[0], names[0]], 24)[1]


def test_names_that_differ_in_their_middle_alone_differ_in_their_short_forms() -> None:
    names = ["a" * 20 + middle + "z" * 40 for middle in "xyq"]
    assert len(set(told_apart(names, 24))) == 3


def test_a_place_that_cuts_names_shows_them_whole_but_for_those_that_would_look_alike() -> None:
    series = [f"a sweep of the learning rate over the quick suite, rate {rate}, seed 1 and split 0" for rate in "135"]
    other = "another long name, of which the place shows as much as it can"
    *apart, whole = told_apart_when_cut([*series, other], 30)
    assert whole == other
    assert len({name[:30] for name in apart}) == 3
    assert all(len(name) <= 30 for name in apart)


def test_a_name_is_cut_in_its_middle() -> None:
    assert shortened("beginning of a long name, seed 17", 20) == "beginning…e, seed 17"[:20]


# Calls whose text Streamlit reads as Markdown, and what makes it safe. `size`, `duration` and the like are our words.
READS_MARKDOWN = {"title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "toast"}
SAFE_CALLS = {
    "plain",
    "sentence",
    "code",
    "silent_words",
    "size",
    "duration",
    "number",
    "per_cent",
    "len",
    "experiment_link",
    "question",
}
# Words of ours, put together beforehand from such parts: (module, expression).
OURS = {
    ("problems", "type(error).__name__"),
    ("experiments_selection", "done"),
    ("experiments_selection", "taken"),
    ("datasets_detail", "plural"),
    ("datasets_detail", "names"),
    ("experiment_head", "_resting_sentence(detail)"),
    ("experiment_head", "ahead"),
    ("experiment_head", "waits"),
    ("experiment_samplers", "caption(found)"),
    ("new", "origin.whose"),
    ("new", "theirs"),  # an address, encoded
    ("datasets_removal", "keep"),
    ("new_notices", "config.training.seed"),
    ("new_notices", "settings.quick_simulations"),
    ("new_notices", "word or 'already ran as'"),
    ("new_notices", "', '.join([STATUS_LOOK[twin.status].word, *scores])"),
    ("new_notices", "more"),
    ("new_notices", "config.model.cond_dim"),  # a number
    ("new_notices", "dataset_link(dataset.name)"),  # an address, encoded
    ("frame", "silent_words(workers)"),
    ("new", "settings.quick_simulations"),
}


def _texts() -> list[tuple[str, ast.expr]]:
    found = []
    for file in Path(dashboard.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) == "st"
                and node.func.attr in READS_MARKDOWN
            ):
                found.append((file.stem, node.args[0]))
    return found


def _unsafe(text: ast.expr) -> list[ast.expr]:
    """The parts of a Markdown text that are neither written out, a constant of the module, nor made plain."""
    match text:
        case ast.Constant():
            return []
        case ast.Name(id=name) if name.isupper():
            return []
        case ast.Call(func=ast.Name(id=name)) if name in SAFE_CALLS:
            return []
        case ast.IfExp(body=body, orelse=orelse):
            return _unsafe(body) + _unsafe(orelse)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _unsafe(left) + _unsafe(right)
        case ast.JoinedStr(values=values):
            return [part for value in values for part in _unsafe(value)]
        case ast.FormattedValue(format_spec=spec) if spec is not None:
            return []  # a number
        case ast.FormattedValue(value=value):
            return _unsafe(value)
    return [text]


def test_every_text_that_streamlit_reads_as_markdown_goes_through_the_one_mechanism() -> None:
    texts = _texts()
    assert len(texts) > 30
    unsafe = {(module, ast.unparse(part)) for module, text in texts for part in _unsafe(text)}
    assert unsafe - OURS == set()
