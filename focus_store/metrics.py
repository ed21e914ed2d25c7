"""Reading curves, figures and artifacts."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session
from tsdownsample import MinMaxLTTBDownsampler

from focus_core.errors import UserError
from focus_store.contracts import EpochFigures, Series
from focus_store.growing import GrowingSeries, Points, read_points
from focus_store.session import Record
from focus_store.tables import Attempt, Experiment, Figure, MetricSeries, Spectrum

# Measured once an epoch, of the run as a whole: they have no split of their own, and any is answered.
EPOCH_KEYS = frozenset({"images_per_second", "seconds", "elapsed", "power_error"})


class Metrics(Record):
    @functools.cached_property
    def _growing(self) -> GrowingSeries:
        return GrowingSeries()

    def series(self, experiment_id: str, key: str, split: str, *, max_points: int | None = None) -> Series:
        """One curve, each step from the latest attempt that owns it; empty where nothing was measured.

        An attempt that resumed at step s owns every step after s, whether it has reached it or not: what an earlier
        attempt did beyond s was never part of the model. With `max_points`, at most so many that keep the shape.
        """
        split = "train" if key in EPOCH_KEYS else split
        with self.reading() as session:
            step, value, attempts = curve(session, experiment_id, key, split, self._growing)
        if max_points is not None and len(step) > max_points:
            keep = downsample(step, value, max_points)
            step, value, attempts = step[keep], value[keep], attempts[keep]
        return Series(key, split, step, value, attempts)

    def epochs_with_figures(self, experiment_id: str) -> list[int]:
        with self.reading() as session:
            samples = set(session.scalars(select(Figure.epoch).where(Figure.experiment == experiment_id)))
            spectra = session.scalars(
                select(Spectrum.epoch).where(Spectrum.experiment == experiment_id, Spectrum.epoch.is_not(None))
            )
            return sorted(samples | {epoch for epoch in spectra if epoch is not None})

    def figures(self, experiment_id: str, epoch: int) -> EpochFigures:
        """Tiles and arrays of one epoch. UserError when nothing was drawn there."""
        with self.reading() as session:
            figure = session.get(Figure, (experiment_id, epoch))
            spectrum = session.scalar(
                select(Spectrum).where(Spectrum.experiment == experiment_id, Spectrum.epoch == epoch)
            )
            unit = session.scalar(select(Experiment.unit).where(Experiment.id == experiment_id))
        if figure is None and spectrum is None:
            raise UserError(f"experiment {experiment_id}: has no figures at epoch {epoch}.")
        return EpochFigures(
            epoch=epoch,
            step=(figure or spectrum).step or 0,  # type: ignore[union-attr]  # one of them is there
            real_tiles=tuple(figure.real_tiles) if figure else (),
            generated_tiles=tuple(tuple(row) for row in figure.generated_tiles) if figure else (),
            ranges=tuple((low, high) for low, high in figure.ranges) if figure else (),
            theta=tuple(tuple(row) for row in figure.theta) if figure else (),
            samples_arrays=figure.arrays if figure else None,
            power_arrays=spectrum.arrays if spectrum else None,
            power_error=spectrum.power_error if spectrum else None,
            unit=(figure.unit if figure else None) or unit,
            power_uncertainty=spectrum.power_uncertainty if spectrum else None,
            power_maps=spectrum.power_maps if spectrum else None,
            power_simulations=spectrum.power_simulations if spectrum else None,
        )

    def artifact_path(self, digest: str) -> Path | None:
        return self.artifact_folder.find(digest)

    def artifact(self, digest: str) -> bytes:
        return self.artifact_folder.read(digest)

    def arrays(self, digest: str) -> dict[str, NDArray[Any]]:
        """The arrays of an .npz artifact. Never unpickles."""
        try:
            with np.load(io.BytesIO(self.artifact(digest)), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, OSError) as error:
            raise UserError(f"artifact {digest}: is not a file of arrays ({error}).") from error


def curve(
    session: Session, experiment_id: str, key: str, split: str, growing: GrowingSeries | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(steps, values, attempts) of one curve, as `Metrics.series` describes it; from `growing` what it has."""
    query = select(Attempt.number, Attempt.resumed_step).where(Attempt.experiment == experiment_id)
    starts = {row.number: row.resumed_step for row in session.execute(query)}
    series = session.execute(
        select(MetricSeries.id, MetricSeries.attempt).where(
            MetricSeries.experiment == experiment_id, MetricSeries.key == key, MetricSeries.split == split
        )
    ).all()
    parts: dict[int, Points] = {}
    for series_id, attempt in series:
        if growing is None:
            parts[attempt] = read_points(session, series_id)
        else:
            parts[attempt] = growing.read(session, series_id, (experiment_id, attempt, key, split))
    return owned(parts, starts)


def owned(
    parts: dict[int, Points], starts: dict[int, int | None]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(steps, values, attempts) of one curve, without what later attempts took over."""
    kept = []
    for attempt in sorted(parts):
        step, value = parts[attempt]
        later = [start for number, start in starts.items() if number > attempt and start is not None]
        if later:
            end = int(np.searchsorted(step, min(later), side="right"))
            step, value = step[:end], value[:end]
        kept.append((step, value, np.full(len(step), attempt, dtype=np.int64)))
    if not kept:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    step, value, attempts = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.argsort(step, kind="stable")
    return step[order], value[order], attempts[order]


def downsample(step: NDArray[np.int64], value: NDArray[np.float64], max_points: int) -> NDArray[np.int64]:
    """Indices of at most `max_points` points that keep peaks, first and last."""
    if max_points < 3:
        return np.array([0, len(step) - 1][: max(max_points, 1)], dtype=np.int64)
    # The algorithm compares values, which NaN defies; as zeros they are extremes of a loss, and are kept.
    finite = np.where(np.isfinite(value), value, 0.0)
    chosen = MinMaxLTTBDownsampler().downsample(step, finite, n_out=max_points)
    return np.unique(chosen.astype(np.int64))
