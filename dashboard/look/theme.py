"""Colours of FOCUS as figures and markup need them. Streamlit reads the same values from .streamlit/config.toml.

Figures are built in the light tokens alone; the plotly component swaps them for the page's own in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from focus_core.figures.tiles import DIVIDE_ANCHORS, NIGHT_ANCHORS
from focus_store.contracts import JobStatus, Status

INK = "#17202b"
MUTED = "#566171"
GRID = "#e6e9ee"
BORDER = "#d8dde4"
AXIS = "#9aa3af"
ACCENT = "#0b6478"
PAGE = "#ffffff"
GROUND = "#f3f5f8"

FONT = "'IBM Plex Sans', 'Source Sans', system-ui, 'Segoe UI', 'Helvetica Neue', sans-serif"

# The fixed order for all experiments; the same in light and dark.
EXPERIMENT_COLOURS = ("#2959f2", "#de701f", "#047256", "#b1278a", "#189bce", "#c81519", "#83956b", "#b08193")
GENERATED = EXPERIMENT_COLOURS[1]

SCATTER_BAND = "rgba(127,137,150,.22)"
TRUTH_ERROR_BAND = "rgba(127,137,150,.28)"
GENERATED_BAND = "rgba(222,112,31,.22)"
FUTURE = "rgba(127,137,150,.10)"

# The colour maps of matter maps, and of differences and ratios, as tiles are drawn.
NIGHT, DIVIDE = NIGHT_ANCHORS, DIVIDE_ANCHORS

# Light token → the Streamlit CSS variable that replaces it on the page.
CSS_VARIABLES: Mapping[str, str] = {
    INK: "--st-text-color",
    MUTED: "--st-gray-color",
    GRID: "--st-dataframe-border-color",
    BORDER: "--st-border-color",
    AXIS: "--st-gray-color",
    ACCENT: "--st-primary-color",
    PAGE: "--st-background-color",
    GROUND: "--st-secondary-background-color",
}

STYLE_SHEET = Path(__file__).parent / "static" / "focus.css"
FAVICON = Path(__file__).parent / "static" / "favicon.png"
LOGO = Path(__file__).parent / "static" / "logo.svg"


@dataclass(frozen=True)
class StatusLook:
    """How a status is shown: colour, icon and word, never colour alone."""

    word: str
    family: str  # Streamlit's colour family and the CSS class `pill-<family>`
    glyph: str  # for canvas cells and plain text
    icon: str  # material symbol


STATUS_LOOK: Mapping[Status, StatusLook] = {
    Status.DRAFT: StatusLook("draft", "gray", "✎", "edit"),
    Status.QUEUED: StatusLook("queued", "gray", "◷", "schedule"),
    Status.STARTING: StatusLook("starting", "blue", "▶", "play_arrow"),
    Status.RUNNING: StatusLook("running", "blue", "▶", "play_arrow"),
    Status.PAUSING: StatusLook("pausing", "yellow", "‖", "pause"),
    Status.PAUSED: StatusLook("paused", "yellow", "‖", "pause"),
    Status.STALLED: StatusLook("stalled", "orange", "△", "warning"),
    Status.SUCCEEDED: StatusLook("done", "green", "✓", "check"),
    Status.FAILED: StatusLook("failed", "red", "✕", "close"),
    Status.CANCELLED: StatusLook("stopped", "gray", "■", "stop"),
    Status.CRASHED: StatusLook("crashed", "red", "✕", "close"),
}

JOB_LOOK: Mapping[JobStatus, StatusLook] = {
    JobStatus.QUEUED: StatusLook("queued", "gray", "◷", "schedule"),
    JobStatus.RUNNING: StatusLook("running", "blue", "▶", "play_arrow"),
    JobStatus.SUCCEEDED: StatusLook("done", "green", "✓", "check"),
    JobStatus.FAILED: StatusLook("failed", "red", "✕", "close"),
    JobStatus.CANCELLED: StatusLook("stopped", "gray", "■", "stop"),
}
