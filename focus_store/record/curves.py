"""Reading curves, figures and artifacts."""

from __future__ import annotations

import functools

from focus_store.contracts import Series
from focus_store.database.session import Gateway
from focus_store.journal.curve import curve, downsample
from focus_store.journal.growing import GrowingSeries

# Measured once per epoch, for the run as a whole: they have no split of their own, and any split is accepted.
EPOCH_KEYS = frozenset({"images_per_second", "seconds", "elapsed", "power_error"})


class Curves(Gateway):
    """Quantities measured per step and per epoch."""

    @functools.cached_property
    def _growing(self) -> GrowingSeries:
        return GrowingSeries()

    def series(self, experiment_id: str, key: str, split: str, *, max_points: int | None = None) -> Series:
        """One curve, each step from the latest attempt that owns it; empty if nothing was measured.

        An attempt that resumed at step s owns every step after s, whether it has reached it or not: steps of an earlier
        attempt beyond s were never part of the model. With `max_points`, at most so many that preserve the shape.
        """
        split = "train" if key in EPOCH_KEYS else split
        with self.reading() as session:
            step, value, attempts = curve(session, experiment_id, key, split, self._growing)
        if max_points is not None and len(step) > max_points:
            keep = downsample(step, value, max_points)
            step, value, attempts = step[keep], value[keep], attempts[keep]
        return Series(key, split, step, value, attempts)
