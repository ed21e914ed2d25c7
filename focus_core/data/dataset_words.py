"""A report's description of the simulations of a dataset, in words."""

from __future__ import annotations

from focus_core.data.dataset import MapDataset


def simulations_in_words(dataset: MapDataset) -> str:
    low, high = int(dataset.maps_each.min()), int(dataset.maps_each.max())
    each = f"{low} maps each" if low == high else f"{low} to {high} maps each"
    return f"{dataset.n_simulations} simulations, {each}"


def rows_in_words(dataset: MapDataset) -> str:
    """How rows of one θ are treated; "" if there are none."""
    if not dataset.repeated_rows:
        return ""
    rows = f"{dataset.n_rows} in the table, {dataset.n_rows - dataset.repeated_rows} distinct θ"
    if dataset.independent_realisations:
        return f"{rows}: independent realisations, which a split may part ({dataset.independent_realisations})"
    return f"{rows}: rows of one θ are one simulation, whose maps stay together in a split"
