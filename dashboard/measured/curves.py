"""From the record's series to the curves of the loss figure."""

from __future__ import annotations

import numpy as np

from dashboard.charts.loss import Curve, TrainingCurves
from dashboard.charts.loss_words import loss_words
from dashboard.measured.timing import ends_about
from dashboard.record import queries
from focus_store.contracts import ExperimentDetail, Series


def training_curves(detail: ExperimentDetail, token: int) -> TrainingCurves:
    """Losses and learning rate over epochs; a step is a fraction of its epoch."""
    row, per_epoch = detail.summary, detail.steps_per_epoch or 0
    loss, rate, validation, train = (
        over_epochs(queries.series(row.id, token, key, split), per_epoch)
        for key, split in (("loss", "train"), ("lr", "train"), ("loss", "validation"), ("epoch_loss", "train"))
    )
    return TrainingCurves(
        steps=loss,
        train=train,
        validation=validation,
        lr=rate,
        num_epochs=max(row.num_epochs, 1),
        checkpoints=[(float(c.epoch), c.val_loss) for c in detail.checkpoints if c.val_loss],
        seams=[(a.number, a.resumed_step / per_epoch) for a in detail.attempts if a.resumed_step and per_epoch],
        ends=ends_about(row),
        loss=loss_words(detail.config),
    )


def over_epochs(series: Series, steps_per_epoch: int) -> Curve:
    return Curve(series.step / max(steps_per_epoch, 1), np.asarray(series.value, dtype=np.float64))
