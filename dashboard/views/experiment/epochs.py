"""Maps and a statistic of one epoch, under one slider: both always show the same epoch."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.overlay import curve_panels
from dashboard.look.texts import sentence
from dashboard.measured.chart_tables import curve_table, table_asked_for
from dashboard.measured.map_curves import epoch_curves
from dashboard.parts.problems import while_there
from dashboard.parts.state import among, choice, epoch_to_show, keep
from dashboard.parts.statistics import choose_statistic, choose_view
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.experiment.maps import epoch_maps
from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.catalogue.statistic_spec import MapStatistic
from focus_core.errors import UserError
from focus_store.contracts import EpochFigures, ExperimentDetail

PLAY_SECONDS = 0.8
ALL_ROWS = "Mean"
MAPS, DIFFERENCE = "maps", "difference"
KINDS = {MAPS: "Maps", DIFFERENCE: "Difference"}


def epochs_fragment(experiment_id: str, live: bool) -> None:
    playing = st.session_state.get("playing") == experiment_id
    every = PLAY_SECONDS if playing else (3.0 if live else 5.0)
    st.fragment(while_there(_epochs), run_every=every)(experiment_id)


def _epochs(experiment_id: str) -> None:
    detail = queries.experiment(experiment_id)
    epochs = queries.epochs_with_figures(experiment_id, record().experiments.change_token(experiment_id))
    if not epochs:
        st.html(
            '<p class="focus-note" data-testid="no-maps">Maps and P(<i>k</i>) appear here after the first epoch.</p>'
        )
        return
    epoch, row, statistic, scaled = _controls(experiment_id, epochs, rows=4)
    difference = st.session_state["maps-kind"] == DIFFERENCE
    try:
        drawn = queries.figures(experiment_id, epoch)
    except UserError as error:
        st.warning(sentence(error))
        return
    maps, curves = st.columns([46, 54], gap="medium")
    with maps:
        epoch_maps(detail, drawn, difference=difference)
    with curves:
        _curves(detail, drawn, row, statistic, scaled)


def _controls(experiment_id: str, epochs: list[int], rows: int) -> tuple[int, int | None, MapStatistic, bool]:
    """Play, the epoch slider, the simulation of the curves, their statistic and its view."""
    with st.container(horizontal=True, vertical_alignment="center", key="epoch-controls"):
        playing = st.session_state.get("playing") == experiment_id
        icon = ":material/pause:" if playing else ":material/play_arrow:"
        if st.button("Stop playing" if playing else "Play the epochs", icon=icon, key="play", disabled=len(epochs) < 2):
            _toggle_play(experiment_id, epochs)
        epoch = _epoch_slider(experiment_id, epochs)
        chosen = st.segmented_control(
            "Spectra of",
            **among("spectra-row", (ALL_ROWS, *(str(i + 1) for i in range(rows))), ALL_ROWS),
            required=True,
            label_visibility="collapsed",
            help="Of all four simulations together, or of one row of maps",
        )
        st.segmented_control(
            "Maps", **choice("maps-kind", KINDS, MAPS), required=True, label_visibility="collapsed",
            help="Maps as they are, or the logarithm of each generated one over its simulation, pixel by pixel. The "
            "phases are drawn anew, so structures lie elsewhere: read the colours’ balance, not their places",
        )  # fmt: skip
        statistic = choose_statistic()
        scaled = choose_view(statistic, "power-kind")
    return epoch, None if chosen in (ALL_ROWS, None) else int(chosen) - 1, statistic, scaled


def _toggle_play(experiment_id: str, epochs: list[int]) -> None:
    starting = st.session_state.get("playing") != experiment_id
    st.session_state.playing = experiment_id if starting else None
    st.query_params.pop("epoch", None)
    if starting and st.session_state.get("epoch") == epochs[-1]:
        st.session_state.epoch = epochs[0]
    st.rerun()


def _epoch_slider(experiment_id: str, epochs: list[int]) -> int:
    """Stays where the reader put it; at the newest epoch it follows."""
    if len(epochs) == 1:
        st.html(f'<span class="focus-note" data-testid="epoch">epoch {epochs[0]}</span>')
        return epochs[0]
    current = epoch_to_show("epoch", experiment_id, epochs[-1])
    if st.session_state.get("playing") == experiment_id:
        current = _next_epoch(epochs, current)
    st.session_state.epoch = current if current in epochs else epochs[-1]
    epoch = st.select_slider(
        "Epoch",
        epochs,
        key="epoch",
        format_func=lambda e: f"epoch {e}",
        label_visibility="collapsed",
        on_change=_stop_playing,
    )
    if st.session_state.get("playing") != experiment_id:
        keep("epoch", epoch, epochs[-1])
    return int(epoch)


def _stop_playing() -> None:
    """The reader moved the slider."""
    st.session_state.playing = None


def _next_epoch(epochs: list[int], current: int) -> int:
    later = [epoch for epoch in epochs if epoch > current]
    if len(later) <= 1:
        st.session_state.playing = None
    return later[0] if later else epochs[-1]


def _curves(
    detail: ExperimentDetail, drawn: EpochFigures, row: int | None, statistic: MapStatistic, scaled: bool
) -> None:
    found = drawn.of(statistic)
    if found.arrays is None:
        st.html(f'<p class="focus-note">This epoch has no {statistic.symbol_html}.</p>')
        return
    told = statistic.told(found.summary)
    about = f"epoch {drawn.epoch}, {told}" if told else f"epoch {drawn.epoch}"
    chart(
        _figure(queries.home(), found.arrays, detail.summary.id, drawn.epoch, detail.grid, row, statistic.name, scaled),
        name="power",
        label=f"{statistic.title} of generated maps and of simulations, with their {statistic.panel.below}, {about}",
        height=540,
        key="power",
    )
    if table_asked_for("power"):
        arrays = queries.arrays(found.arrays)
        st.html(curve_table(epoch_curves(arrays, drawn.epoch, detail.grid, row, statistic)))


@st.cache_data(max_entries=128, show_spinner=False)
def _figure(
    home: str, digest: str, experiment_id: str, epoch: int, grid: int | None, row: int | None, name: str, scaled: bool
) -> str:
    statistic = MAP_STATISTICS[name]
    curves = epoch_curves(queries.arrays(digest), epoch, grid, row, statistic)
    return figure_json(curve_panels(curves, revision=f"{experiment_id}-{name}", height=540, scaled=scaled))
