"""Maps of all chosen experiments at the same θ with the same seeds, under one epoch slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.charts.linked_zoom import linked_zoom
from dashboard.look.markup import horizontal_bar, unit_html
from dashboard.measured.tiles import tile_url
from dashboard.parts.state import epoch_to_show, keep
from dashboard.record import queries
from dashboard.record.connection import record
from dashboard.views.compare.comparison import Compared, DrawnMaps, Places, at_or_before, write_slots
from dashboard.views.compare.comparison_files import matrix_csv
from dashboard.views.compare.comparison_markup import MatrixBlock, MatrixRow, image_matrix
from dashboard.views.compare.head import download, section_head
from dashboard.views.compare.runs import compared, maps_of

Scale = tuple[float, float]


def matrix(slots: Places) -> None:
    runs = compared(slots)
    epochs = {run.id: queries.epochs_with_figures(run.id, record().experiments.change_token(run.id)) for run in runs}
    union = sorted({epoch for drawn in epochs.values() for epoch in drawn})
    with section_head("Same θ, same seed", "matrix", "click to zoom into all, drag to move"):
        if not union:
            st.html('<span class="focus-note">The first epoch of a run draws its maps.</span>', width="content")
            return
        epoch = _slider(write_slots(slots), union)
        found = {run.id: maps_of(run, at_or_before(epochs[run.id], epoch)) for run in runs}
        drawn = [maps for maps in found.values() if maps is not None]
        download("maps", partial(matrix_csv, record(), drawn))
    scales = {unit: _scale([maps for maps in drawn if maps.unit == unit]) for unit in {maps.unit for maps in drawn}}
    groups = _groups(drawn)
    undrawn = [run for run in runs if found[run.id] is None]
    blocks = [_block(group, undrawn if i == 0 else [], scales, len(groups) > 1) for i, group in enumerate(groups)]
    st.html(image_matrix(blocks, epoch))
    linked_zoom()
    with st.container(key="matrix-bar"):
        for unit, scale in scales.items():
            st.html(horizontal_bar(*scale, unit_html(unit)))


def _slider(compared: str, epochs: Sequence[int]) -> int:
    """One epoch for all rows, kept in the address; at the newest epoch it follows."""
    epoch = at_or_before(epochs, epoch_to_show("compare-epoch", compared, epochs[-1])) or epochs[0]
    if len(epochs) > 1:
        st.session_state["compare-epoch"] = epoch
        epoch = st.select_slider(
            "Epoch",
            list(epochs),
            key="compare-epoch",
            format_func=lambda e: f"epoch {e}",
            label_visibility="collapsed",
        )
        keep("epoch", epoch, epochs[-1])
    st.html(f'<span class="focus-note" data-testid="epoch">epoch {epoch} of {epochs[-1]}</span>', width="content")
    return int(epoch)


def _groups(drawn: Sequence[DrawnMaps]) -> list[list[DrawnMaps]]:
    groups: dict[tuple[object, ...], list[DrawnMaps]] = {}
    for maps in drawn:
        groups.setdefault(maps.truth, []).append(maps)
    return list(groups.values())


def _scale(drawn: Sequence[DrawnMaps]) -> Scale:
    """log10 Σ at the ends of the common scale: of the true maps alone, so that no epoch and no bad run changes it."""
    ends = [maps.frame.stretch for maps in drawn]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _block(
    group: Sequence[DrawnMaps], undrawn: Sequence[Compared], scales: Mapping[str, Scale], several: bool
) -> MatrixBlock:
    first = group[0]
    scale = scales[first.unit]
    rows = [(maps.run.slot, _row(maps, scale)) for maps in group]
    rows += [(run.slot, MatrixRow(run.short, run.name, run.colour, None, [])) for run in undrawn]
    return MatrixBlock(
        title=f"Simulation, {first.run.detail.summary.dataset}" if several else "Simulation",
        space=first.space,
        theta=[theta[: len(first.space)] for theta in first.frame.theta],
        truth_urls=[tile_url(first.samples, row, 0, scale) for row in range(len(first.frame.theta))],
        rows=[row for _, row in sorted(rows, key=lambda pair: pair[0])],
    )


def _row(maps: DrawnMaps, scale: Scale) -> MatrixRow:
    urls = [
        [tile_url(maps.samples, row, 1 + i, scale) for i in range(len(seeds))]
        for row, seeds in enumerate(maps.frame.seeds)
    ]
    return MatrixRow(maps.run.short, maps.run.name, maps.run.colour, maps.epoch, urls)
