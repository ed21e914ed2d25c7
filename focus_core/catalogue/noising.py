"""How denoising diffusion adds noise, which form of it is predicted, and how times are weighted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from focus_core.catalogue.registry import Registry


@dataclass(frozen=True)
class NoiseScheduleSpec:
    """`variances` is the path of a function (steps, first β, last β) → β (T,).

    β is uniform in β^(1/power) between its ends; None for a schedule that sets its own ends, and caps them.
    `settings` are the keys of the configuration's section that apply to it.
    """

    name: str
    variances: str
    power: float | None
    settings: tuple[str, ...] = ("beta_start", "beta_end")


NOISE_SCHEDULES: Registry[NoiseScheduleSpec] = Registry(
    NoiseScheduleSpec("linear", "focus_core.diffusion.schedule:linear_variances", power=1.0),
    NoiseScheduleSpec("cosine", "focus_core.diffusion.schedule:cosine_variances", power=None, settings=()),
    NoiseScheduleSpec("quadratic", "focus_core.diffusion.schedule:quadratic_variances", power=2.0),
)


@dataclass(frozen=True)
class PredictionSpec:
    """`symbol` is plotly's HTML; `kind` the path of the code that uses it (`focus_core.diffusion.predictions`)."""

    name: str
    symbol: str
    kind: str


PREDICTIONS: Registry[PredictionSpec] = Registry(
    PredictionSpec("epsilon", "<i>ε</i>", "focus_core.diffusion.predictions:NOISE"),
    PredictionSpec("v", "<i>v</i>", "focus_core.diffusion.predictions:VELOCITY"),
)


@dataclass(frozen=True)
class WeightingSpec:
    """`cap` is the setting with the SNR above which a time weighs no more; None weights all times alike."""

    name: str
    title: str
    cap: str | None = None

    @property
    def settings(self) -> tuple[str, ...]:
        return () if self.cap is None else (self.cap,)


WEIGHTINGS: Registry[WeightingSpec] = Registry(
    WeightingSpec("none", "no weighting"),
    WeightingSpec("min_snr", "min-SNR weighting", cap="min_snr_gamma"),
)

if TYPE_CHECKING:
    NoiseScheduleName = str
    PredictionName = str
    WeightingName = str
else:
    NoiseScheduleName = Literal[NOISE_SCHEDULES.names]
    PredictionName = Literal[PREDICTIONS.names]
    WeightingName = Literal[WEIGHTINGS.names]
