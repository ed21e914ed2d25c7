"""The maps of one epoch: generated beside true, or their ratio, and one of them enlarged with its values."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.chart import chart, figure_json
from dashboard.charts.heatmap import enlarged_map
from dashboard.look.markup import MapRow, map_grid, unit_html
from dashboard.measured.tiles import difference_limits, difference_url, map_values
from dashboard.parts.state import choice
from dashboard.record import queries
from dashboard.server.routes import artifact_url
from focus_core.parameters import ParameterSpace
from focus_store.contracts import EpochFigures, ExperimentDetail

RATIO = "log<sub>10</sub> Σ/Σ<sub>simulation</sub>"


def epoch_maps(detail: ExperimentDetail, drawn: EpochFigures, *, difference: bool) -> None:
    space = queries.space(detail)
    if not drawn.real_tiles or space is None:
        st.html('<p class="focus-note">This epoch drew no maps.</p>')
        return
    samples = drawn.samples_arrays if difference else None
    limits = _limits(queries.home(), samples) if samples else (None,) * len(drawn.real_tiles)
    unit = unit_html(drawn.unit or detail.unit)
    st.html(map_grid(space, _rows(space, drawn, limits), RATIO if samples else unit, drawn.epoch))
    _enlarged(detail, drawn, unit, limits)


@st.cache_data(max_entries=128, show_spinner=False)
def _limits(home: str, samples: str) -> tuple[float, ...]:
    return difference_limits(samples)


def _rows(space: ParameterSpace, drawn: EpochFigures, limits: tuple[float | None, ...]) -> list[MapRow]:
    rows = []
    columns = zip(drawn.theta, drawn.real_tiles, drawn.generated_tiles, drawn.ranges, limits, strict=True)
    for i, (theta, real, generated, shown, limit) in enumerate(columns):
        urls = [artifact_url(digest) for digest in generated]
        if limit is not None and drawn.samples_arrays is not None:
            urls = [difference_url(drawn.samples_arrays, i, column, limit) for column in range(1, len(generated) + 1)]
        rows.append(MapRow(theta[: len(space)], artifact_url(real), urls, shown, limit))
    return rows


def _enlarged(detail: ExperimentDetail, drawn: EpochFigures, unit: str, limits: tuple[float | None, ...]) -> None:
    """Kept while epochs advance: the reader watches one map develop."""
    if drawn.samples_arrays is None:
        return
    names = {
        f"{row + 1}-{column}": f"Row {row + 1}, {'simulation' if column == 0 else f'generated {column}'}"
        for row in range(len(drawn.real_tiles))
        for column in range(len(drawn.generated_tiles[row]) + 1)
    }
    chosen = st.selectbox(
        "Enlarge a map", **choice("enlarged", names), index=None,
        placeholder="Enlarge a map, with its values", label_visibility="collapsed",
    )  # fmt: skip
    if chosen is None:
        return
    row, column = int(chosen.partition("-")[0]) - 1, int(chosen.partition("-")[2])
    limit = limits[row] if column else None
    shown = drawn.ranges[row] if limit is None else (-limit, limit)
    chart(
        _map_figure(queries.home(), drawn.samples_arrays, row, column, shown, detail.box_size, unit, limit is not None),
        name="map",
        label=f"{names[chosen]} of epoch {drawn.epoch}, every pixel with its value",
        height=560,
        key="map",
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _map_figure(
    home: str,
    samples: str,
    row: int,
    column: int,
    shown: tuple[float, float],
    box: float | None,
    unit: str,
    ratio: bool,
) -> str:
    values = map_values(samples, row, column, difference=ratio)
    quantity = RATIO if ratio else unit
    return figure_json(enlarged_map(values, shown, box_size=box, quantity=quantity, difference=ratio, revision="map"))
