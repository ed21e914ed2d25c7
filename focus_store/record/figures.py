"""The figures of each epoch: maps, and the statistics measured on them."""

from __future__ import annotations

from sqlalchemy import select

from focus_core.errors import UserError
from focus_store.contracts import EpochFigures, EpochMeasurement
from focus_store.database.session import Gateway
from focus_store.database.tables import Experiment, Figure, Measurement


class Figures(Gateway):
    """Figures of epochs; their arrays and tiles are artifacts."""

    def epochs(self, experiment_id: str) -> list[int]:
        with self.reading() as session:
            samples = set(session.scalars(select(Figure.epoch).where(Figure.experiment == experiment_id)))
            measured = session.scalars(
                select(Measurement.epoch).where(Measurement.experiment == experiment_id, Measurement.epoch.is_not(None))
            )
            return sorted(samples | {epoch for epoch in measured if epoch is not None})

    def at(self, experiment_id: str, epoch: int) -> EpochFigures:
        """Tiles and arrays of one epoch. UserError if nothing was drawn there."""
        with self.reading() as session:
            figure = session.get(Figure, (experiment_id, epoch))
            columns = (Measurement.statistic, Measurement.step, Measurement.artifact, Measurement.summary)
            rows = session.execute(
                select(*columns).where(Measurement.experiment == experiment_id, Measurement.epoch == epoch)
            ).all()
            unit = session.scalar(select(Experiment.unit).where(Experiment.id == experiment_id))
        if figure is None and not rows:
            raise UserError(f"experiment {experiment_id}: has no figures at epoch {epoch}.")
        return EpochFigures(
            epoch=epoch,
            step=(figure or rows[0]).step or 0,
            real_tiles=tuple(figure.real_tiles) if figure else (),
            generated_tiles=tuple(tuple(row) for row in figure.generated_tiles) if figure else (),
            ranges=tuple((low, high) for low, high in figure.ranges) if figure else (),
            theta=tuple(tuple(row) for row in figure.theta) if figure else (),
            samples_arrays=figure.arrays if figure else None,
            unit=(figure.unit if figure else None) or unit,
            measured={row.statistic: EpochMeasurement(row.artifact, row.summary) for row in rows},
        )
