"""Tokens, style sheet and markup: one set of values, everything escaped, nothing from outside."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from dashboard.look import theme
from dashboard.look.markup import (
    MapRow,
    Readout,
    bar_ticks,
    gallery,
    horizontal_bar,
    map_grid,
    pill,
    progress,
    readouts,
    rug,
    section,
    unit_html,
)
from dashboard.look.words import Amount, age, duration, number, per_cent, short_count, size, work
from focus_core.figures import tiles
from focus_core.parameters import WCDM6
from focus_store.contracts import JobStatus, Status

FOLDER = Path(theme.__file__).parents[1]
CONFIG = tomllib.loads((FOLDER / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
SHEET = theme.STYLE_SHEET.read_text(encoding="utf-8")

# The selectors of Streamlit's own that the style sheet leans on; each has a check in a browser.
KNOWN_SELECTORS = {
    "stApp", "stMainBlockContainer", "stCaptionContainer", "stBaseButton-primary", "stBaseLinkButton-primary", "stCode",
    "stMarkdownContainer", "stLayoutWrapper", "stCheckbox", "stMultiSelect", "stMultiSelectTagsContainer",
}  # fmt: skip


def test_figures_and_pages_use_the_same_light_tokens() -> None:
    light = CONFIG["theme"]["light"]
    assert light["textColor"] == theme.INK
    assert light["grayColor"] == theme.MUTED
    assert light["dataframeBorderColor"] == theme.GRID
    assert light["borderColor"] == theme.BORDER
    assert light["primaryColor"] == light["blueColor"] == theme.ACCENT
    assert light["backgroundColor"] == theme.PAGE
    assert light["secondaryBackgroundColor"] == theme.GROUND
    assert CONFIG["theme"]["font"] == theme.FONT


def test_light_and_dark_define_the_same_tokens_and_the_same_experiments() -> None:
    light, dark = CONFIG["theme"]["light"], CONFIG["theme"]["dark"]
    assert light.keys() == dark.keys()
    assert light["chartCategoricalColors"] == dark["chartCategoricalColors"] == list(theme.EXPERIMENT_COLOURS)


def test_text_reaches_a_contrast_of_four_and_a_half_on_its_ground() -> None:
    for mode in ("light", "dark"):
        tokens = CONFIG["theme"][mode]
        for name in ("textColor", "linkColor", "grayColor"):
            assert contrast(tokens[name], tokens["backgroundColor"]) >= 4.5
        for family in ("blue", "green", "red", "yellow", "orange", "gray"):
            assert contrast(tokens[f"{family}TextColor"], tokens[f"{family}BackgroundColor"]) >= 4.5


def contrast(a: str, b: str) -> float:
    """WCAG 2's ratio of relative luminances."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_is_reported_and_no_error_offers_a_search_engine() -> None:
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"]["showErrorLinks"] is False
    assert CONFIG["client"]["toolbarMode"] == "minimal"


def test_no_file_of_the_dashboard_fetches_from_outside() -> None:
    for path in [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.css"), *FOLDER.rglob("*.toml")]:
        found = re.findall(r"https?://[^\s'\"]+", path.read_text(encoding="utf-8"))
        assert [url for url in found if "www.w3.org/2000/svg" not in url] == []


def test_the_style_sheet_leans_on_known_selectors_only() -> None:
    used = set(re.findall(r'data-testid="(\w[\w-]*)"', SHEET)) | set(re.findall(r"\.(st[A-Z]\w+)", SHEET))
    assert used <= KNOWN_SELECTORS
    assert "emotion" not in SHEET


def test_the_colour_map_of_bars_is_that_of_the_tiles() -> None:
    first, last = (f"#{''.join(f'{c:02x}' for c in tiles.NIGHT[i])}" for i in (0, -1))
    assert (theme.NIGHT[0], theme.NIGHT[-1]) == (first, last)
    assert len(theme.NIGHT) == 17


def test_every_status_has_colour_glyph_and_word() -> None:
    assert set(theme.STATUS_LOOK) == set(Status)
    assert set(theme.JOB_LOOK) == set(JobStatus)
    words = [look.word for look in theme.STATUS_LOOK.values()]
    assert len(set(words)) == len(words)
    markup = pill(theme.STATUS_LOOK[Status.STALLED])
    assert 'data-status="stalled"' in markup
    assert "△" in markup


def test_what_people_write_is_escaped() -> None:
    bad = "<img src=x onerror=alert(1)>"
    assert "<img" not in readouts([Readout("Name", bad, bad)])
    assert "<b><img" not in section(bad)
    assert "<img" not in progress(0.5, bad)


def test_the_map_grid_marks_the_truth_and_describes_every_image() -> None:
    theta = [0.3, 0.05, 0.7, 1.0, 0.8, -1.0]
    row = MapRow(theta, "/artifacts/t.webp", [f"/artifacts/{i}.webp" for i in range(3)], (11.0, 13.0))
    markup = map_grid(WCDM6, [row] * 4, unit_html("(M☉/h)/(Mpc/h)²"), epoch=7)
    assert markup.count('class="truth"') == 4
    assert markup.count("alt=") == 16
    assert "Ωm 0.300, Ωb 0.050" in markup
    assert "−1.000" in markup
    assert 'data-epoch="7"' in markup
    assert "M<sub>⊙</sub>" in markup


def test_bar_ticks_keep_their_distance() -> None:
    places = [where for where, _, _ in bar_ticks(11.2, 13.1)]
    assert len(places) >= 3
    assert min(b - a for a, b in itertools.pairwise(places)) > 0.1
    assert all(0 <= where <= 1 for where in places)
    assert bar_ticks(1.0, 1.0) == []
    assert "10<sup>12</sup>" in horizontal_bar(11.5, 12.5, "Σ")


def test_a_rug_colours_itself_by_the_page_and_turns_when_outside() -> None:
    inside = rug([0.2, 0.3], 0.05, 0.55, 0.1, 0.5, outside=False)
    assert "mask:url(data:image/svg+xml;base64," in inside
    assert "margin-left:10.00%;width:80.00%" in inside
    assert 'class="focus-rug out"' in rug([0.2], 0.05, 0.55, 0.1, 0.5, outside=True)


def test_a_gallery_reserves_the_place_of_maps_that_are_not_there_yet() -> None:
    assert gallery([], [], 4, waiting=16).count("waiting") == 16


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.25, "250 ms"),
        (9.34, "9.3 s"),
        (84, "84 s"),
        (600, "10 min"),
        (6600, "1 h 50 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, words: str) -> None:
    assert str(duration(seconds)) == words


def test_other_numbers() -> None:
    assert size(18_900_000_000) == Amount("18.9", "GB")
    assert size(None).value == "–"
    assert work(4.5e9) == Amount("4.5", "GFLOP")
    assert work(2.5e17) == Amount("250", "PFLOP")
    assert short_count(37_341_569) == "37.3 M"
    assert number(0.0148123) == "0.0148"
    assert number(float("nan")) == "–"
    assert str(per_cent(0.031)) == "3.1 %"
    assert str(per_cent(22.2)) == "×23.2"
    assert age(3.2) == "3 s ago"
