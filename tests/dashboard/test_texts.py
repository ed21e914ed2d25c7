"""A user's text is shown letter by letter, whatever it would mean to Markdown, HTML or plotly."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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
    series = [f"sweep of the learning rate over six orders of magnitude, lr {rate}" for rate in "135"]
    assert told_apart(series, 30)[0] == "sweep of the learning…de, lr 1", "what there is room for is shown"
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


# What Streamlit reads as Markdown: the first text of these, and `help` of any.
READS_MARKDOWN = {"title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "toast"}
LABELLED = {
    "button", "download_button", "link_button", "toggle", "checkbox", "text_input", "text_area", "number_input",
    "selectbox", "multiselect", "slider", "select_slider", "segmented_control", "popover", "tabs", "expander",
}  # fmt: skip
# What plotly reads as HTML of its own, in charts/.
READS_PLOTLY = {"name", "text", "title_text", "hovertemplate", "ticktext"}
# What makes a text safe, or is made of our words and numbers alone.
SAFE_CALLS = {
    "plain", "sentence", "code", "plotly_text", "silent_words", "size", "duration", "number", "per_cent", "with_error",
    "len", "experiment_link", "question", "plain_number", "power_text",
}  # fmt: skip
# Words of ours, put together beforehand from such parts, by module.
OURS: dict[str, set[str]] = {
    "charts/compare_cost": {"text", "[column.texts[i] for column in columns]"},
    "charts/compare_loss": {"name", "of_what", "split", "title"},
    "charts/compare_overlay": {
        "axis", "hover", "mark.html", "prefix", "shown[0].truth.title(scaled)", "truth.below_title", "truth.truth_name",
    },
    "charts/dataset_curves": {"hover", "name"},
    "charts/dataset_figures": {"part"},
    "charts/evaluation": {"name", "words"},
    "charts/loss": {"name"},
    "charts/overlay": {"hover", "name"},
    "charts/samplers": {"[word.replace('-', '−') for word in words]", "cases[0]['line']"},
    "parts/acts": {"act.help", "act.label", "asked.label"},
    "parts/statistics": {"'; '.join((statistic.title for statistic in MAP_STATISTICS.values()))", "other.help"},
    "parts/problems": {"type(error).__name__"},
    "views/datasets/detail": {"names", "plural", "shown"},
    "views/datasets/page": {"label"},
    "views/datasets/removal": {"keep"},
    "views/experiment/head": {"_resting_sentence(detail)", "ahead", "waits"},
    "views/experiment/notes": {"label"},
    "views/experiment/samplers": {"caption(found)"},
    "views/experiments/column": {"note"},
    "views/experiments/page": {"column.title"},
    "views/experiments/selection": {"done", "taken"},
    "views/new/widgets": {"field.label", "label"},
    "views/new/form": {"info.description"},
    "views/new/notices": {
        "', '.join([STATUS_LOOK[twin.status].word, *scores])", "config.model.cond_dim", "config.training.seed",
        "dataset_link(dataset.name)",  # an address, encoded
        "more", "settings.quick_simulations", "word",
    },
    "views/new/page": {"origin.whose", "theirs", "below('/new')"},  # addresses, encoded
    "views/sample/controls": {
        "' '.join((note for name in options if (note := SAMPLERS[name].note)))", "label",
        "words",
    },
    "views/workers/disk": {"label"},
}  # fmt: skip


def _modules() -> list[tuple[str, ast.Module]]:
    folder = Path(dashboard.__file__).parent
    files = sorted(folder.rglob("*.py"))
    return [
        (file.relative_to(folder).with_suffix("").as_posix(), ast.parse(file.read_text(encoding="utf-8")))
        for file in files
    ]


def _calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Every call of a method or a function in the dashboard, with its name."""
    for module, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
                yield module, node, node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id


def _texts() -> Iterator[tuple[str, ast.expr]]:
    for module, call, name in _calls():
        on_streamlit = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "st"
        labelled = isinstance(call.func, ast.Attribute) and name in LABELLED
        if (labelled or (on_streamlit and name in READS_MARKDOWN)) and call.args:
            yield module, call.args[0]
        given = {word.arg: word.value for word in call.keywords}
        read = {"help"} | (READS_PLOTLY if module.startswith("charts/") else set())
        yield from ((module, given[word]) for word in read & given.keys())
        if labelled and name == "segmented_control" and len(call.args) > 1 and "format_func" not in given:
            yield module, call.args[1]


def _unsafe(text: ast.expr) -> list[ast.expr]:
    """The parts of a text that are neither written out, a constant of a module, nor made safe."""
    match text:
        case ast.Constant():
            return []
        case ast.Name(id=name) if name.isupper():
            return []
        case ast.Call(func=ast.Name(id=name)) if name in SAFE_CALLS:
            return []
        case ast.IfExp(body=body, orelse=orelse):
            return _unsafe(body) + _unsafe(orelse)
        case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values) | ast.JoinedStr(values=values):
            return [part for value in values for part in _unsafe(value)]
        case ast.Starred(value=value):
            return _unsafe(value)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _unsafe(left) + _unsafe(right)
        case ast.FormattedValue(format_spec=spec) if spec is not None:
            return []  # a number
        case ast.FormattedValue(value=value):
            return _unsafe(value)
    return [text]


def test_every_text_that_streamlit_or_plotly_reads_goes_through_the_one_mechanism() -> None:
    texts = list(_texts())
    assert len(texts) > 150
    unsafe = {(module, ast.unparse(part)) for module, text in texts for part in _unsafe(text)}
    known = {(module, part) for module, parts in OURS.items() for part in parts}
    assert unsafe - known == set()
    assert known - unsafe == set(), "is said to be ours, and stands nowhere"


def test_choices_whose_words_streamlit_reads_as_markdown_are_ours_or_made_plain() -> None:
    said = {
        ast.unparse(word.value)
        for _, call, name in _calls()
        if name == "segmented_control"
        for word in call.keywords
        if word.arg == "format_func"
    }
    assert said == {"plain"}
