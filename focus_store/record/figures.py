"""What each epoch drew: maps and spectra."""

from __future__ import annotations

from sqlalchemy import select

from focus_core.errors import UserError
from focus_store.contracts import EpochFigures
from focus_store.database.session import Gateway
from focus_store.database.tables import Experiment, Figure, Spectrum


class Figures(Gateway):
    """Figures of epochs; their arrays and tiles are artifacts."""

    def epochs(self, experiment_id: str) -> list[int]:
        with self.reading() as session:
            samples = set(session.scalars(select(Figure.epoch).where(Figure.experiment == experiment_id)))
            spectra = session.scalars(
                select(Spectrum.epoch).where(Spectrum.experiment == experiment_id, Spectrum.epoch.is_not(None))
            )
            return sorted(samples | {epoch for epoch in spectra if epoch is not None})

    def at(self, experiment_id: str, epoch: int) -> EpochFigures:
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
