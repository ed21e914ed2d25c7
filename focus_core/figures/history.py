"""checkpoints/training_history.png: losses and learning rate of a training run to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from matplotlib.ticker import MaxNLocator

from focus_core.figures.style import ACCENT, INK, new_figure, plain_axes, save_png


def draw_history(file: BinaryIO, history: Sequence[Mapping[str, Any]]) -> None:
    """`history` has an entry for each completed epoch: epoch, train_loss, val_loss, lr, best."""
    figure = new_figure(8.0, 5.4)
    losses, rate = figure.subplots(
        2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw={"left": 0.12, "right": 0.98, "bottom": 0.1, "top": 0.97}
    )
    epochs = [entry["epoch"] for entry in history]
    mark = "o" if len(epochs) == 1 else None
    losses.plot(
        epochs, [e["train_loss"] for e in history], color=ACCENT, lw=1.2, ls=":", marker=mark, ms=3, label="train"
    )
    losses.plot(
        epochs, [e["val_loss"] for e in history], color=ACCENT, lw=2.0, marker=mark, ms=3, label="validation (EMA)"
    )
    best = min(history, key=lambda entry: entry["val_loss"])
    losses.plot(best["epoch"], best["val_loss"], marker="*", ms=11, color=INK, ls="none")
    losses.annotate(
        f"best {best['val_loss']:.4g}, epoch {best['epoch']}",
        (best["epoch"], best["val_loss"]),
        xytext=(-8, 8),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=INK,
    )
    losses.set_yscale("log")
    losses.set_ylabel("loss  (mean squared error of ε)")
    losses.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper right")
    rate.plot(epochs, [entry["lr"] for entry in history], color=ACCENT, lw=1.2, marker=mark, ms=3)
    if any(entry["lr"] > 0 for entry in history):
        rate.set_yscale("log")
    rate.set_ylabel("learning rate")
    rate.set_xlabel("completed epochs")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_axes(losses)
    plain_axes(rate)
    save_png(figure, file)
