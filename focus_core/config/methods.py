"""The sections that define what a network learns and how maps are drawn from it, in the papers' symbols."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.noising import (
    NOISE_SCHEDULES,
    PREDICTIONS,
    WEIGHTINGS,
    NoiseScheduleName,
    PredictionName,
    WeightingName,
)
from focus_core.catalogue.samplers import MOST_STEPS, SamplerName
from focus_core.catalogue.spacings import AUTO, SpacingName
from focus_core.schema.fields import Integer, Number, Section

# Below it the adaptive solver follows rounding errors of single precision: a small flow took 68 evaluations at 10⁻⁵, 74
# at 10⁻⁶ and 1040 at 10⁻⁸, for maps whose spread is the same to four digits.
LEAST_TOLERANCE = 1e-6
# Maps and noise are single-precision numbers. Noise below 2⁻²⁴ ≈ 6·10⁻⁸ is lost beside a pixel of order one, and a
# pixel is lost beside noise above the inverse.
_FAINTEST, _LOUDEST = 1e-7, 1e7
_FAINTEST_VARIANCE = 1e-14
# The smallest normal single-precision number. Above it, ᾱ_T as signal-to-noise ratio and σ_T² = 1/ᾱ_T are finite.
_LOG10_SMALLEST = math.log10(float(np.finfo(np.float32).smallest_normal))
# |ln σ| that may occur in training: σ² = e^±80 leaves room for its factors before single precision ends, at e^±88.
# torch's normal random numbers in single precision lie within 6 standard deviations.
_LOG_SIGMA, _DEVIATIONS = 40.0, 6.0
# Karras' levels lie between the powers σ_max^(1/ρ) and σ_min^(1/ρ). Double precision, 2⁻⁵² relative to the larger, must
# leave six digits of the smaller; and ρ 2⁻⁵², the error of their power ρ, must stay below single precision.
_LOG_POWERS, _LARGEST_RHO = math.log(2.0**52 * 1e-6), 1e8


class MethodSection(Section):
    """The settings of one method."""

    def check(self, sampling: SamplingSection) -> None:
        """ValueError if training or sampling would exceed the range of numbers; only for the chosen method."""


class DiffusionSection(MethodSection):
    later: ClassVar[tuple[str, ...]] = ("prediction", "weighting", "min_snr_gamma")

    timesteps: Integer = Field(1000, ge=1, le=100_000, title="Timesteps", description="T of the forward process.")
    beta_start: Number = Field(
        1e-4, ge=_FAINTEST_VARIANCE, lt=1, title="First β", description="Noise variance of the first step."
    )
    beta_end: Number = Field(0.02, gt=0, lt=1, title="Last β", description="Noise variance of the last step.")
    schedule: NoiseScheduleName = Field(
        NOISE_SCHEDULES.first.name,
        title="Schedule",
        description="How β grows with t; cosine sets its own first and last β.",
    )
    prediction: PredictionName = Field(
        PREDICTIONS.first.name, title="Prediction", description="The noise ε, or the velocity v = √ᾱ ε − √(1 − ᾱ) x₀."
    )
    weighting: WeightingName = Field(
        WEIGHTINGS.first.name,
        title="Loss weighting",
        description="min_snr caps the weight of times that are almost free of noise.",
    )
    min_snr_gamma: Number = Field(
        5.0,
        gt=0,
        le=1.0 / _FAINTEST_VARIANCE,  # the variance of the first step at the smallest β: above it, nothing is capped
        title="Min-SNR γ",
        description="Signal-to-noise ratio at which min_snr caps the weight.",
    )

    @model_validator(mode="after")
    def _rising(self) -> DiffusionSection:
        if self.beta_start > self.beta_end:
            raise ValueError(f"beta_start {self.beta_start:g} is above beta_end {self.beta_end:g}")
        return self

    def check(self, sampling: SamplingSection) -> None:
        """ValueError if ᾱ_T = Π (1 − β_t) is too small for single precision, in which a sampler divides by its root.

        A schedule with its own ends caps its last β: the cosine one ends above 10⁻¹³ for any T.
        """
        power = NOISE_SCHEDULES[self.schedule].power
        if power is None:
            return
        roots = np.linspace(self.beta_start ** (1.0 / power), self.beta_end ** (1.0 / power), self.timesteps)
        with np.errstate(divide="ignore"):  # β rounded to 1 leaves nothing
            log10_signal = float(np.log1p(-(roots**power)).sum()) / math.log(10.0)
        if log10_signal < _LOG10_SMALLEST:
            left = f"10^{log10_signal:.0f}" if math.isfinite(log10_signal) else "0"
            raise ValueError(
                f"diffusion.timesteps: {self.timesteps} steps of the {self.schedule} schedule from beta_start "
                f"{self.beta_start:g} to beta_end {self.beta_end:g} leave ᾱ = {left} of a map's variance, and single "
                "precision ends at 10^-38; lower diffusion.timesteps or diffusion.beta_end"
            )


class FlowMatchingSection(MethodSection):
    sigma_min: Number = Field(1e-4, ge=0, title="σ min", description="Width of the path at the data end.")
    sigma_max: Number = Field(
        1.0, ge=_FAINTEST, le=_LOUDEST, title="σ max", description="Width of the path at the noise end."
    )

    @model_validator(mode="after")
    def _falling(self) -> FlowMatchingSection:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min:g} is not below sigma_max {self.sigma_max:g}")
        return self


class EDMSection(MethodSection):
    sigma_min: Number = Field(0.002, ge=_FAINTEST, title="Lowest σ", description="Noise of the last step before none.")
    sigma_max: Number = Field(80.0, gt=0, le=_LOUDEST, title="Highest σ", description="Noise at which drawing begins.")
    rho: Number = Field(
        7.0,
        gt=0,
        le=_LARGEST_RHO,
        title="ρ",
        description="Spacing of the noise levels; larger is denser near the map.",
    )
    P_mean: Number = Field(-1.2, title="Mean of ln σ", description="Of the noise levels that are trained on.")
    P_std: Number = Field(1.2, gt=0, title="Width of ln σ", description="Of the noise levels that are trained on.")
    sigma_data: Number | None = Field(
        None,
        ge=_FAINTEST,
        le=_LOUDEST,
        title="σ data",
        description="Standard deviation of the maps; empty: measured on the training maps.",
    )
    spectral: bool = Field(
        False,
        title="Spectral",
        description="The skip connection is a Wiener filter with the training maps' own spectrum at θ.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> EDMSection:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min:g} is not below sigma_max {self.sigma_max:g}")
        return self

    @model_validator(mode="after")
    def _trainable(self) -> EDMSection:
        if abs(self.P_mean) + _DEVIATIONS * self.P_std > _LOG_SIGMA:
            raise ValueError(
                f"P_mean {self.P_mean:g} and P_std {self.P_std:g} draw ln σ beyond ±{_LOG_SIGMA:g}, where σ² leaves "
                f"single precision; keep |P_mean| + {_DEVIATIONS:g} P_std within {_LOG_SIGMA:g}"
            )
        return self

    def check(self, sampling: SamplingSection) -> None:
        """ValueError if the noise levels between σ_max and σ_min cannot be distinguished in double precision."""
        spacing = METHODS["edm"].spacing(sampling.spacing)
        power = spacing.exponent(self.rho)
        needed = math.log(self.sigma_max / self.sigma_min) / _LOG_POWERS
        if power >= needed:
            return
        span = f"from sigma_max {self.sigma_max:g} to sigma_min {self.sigma_min:g}"
        if not spacing.in_noise:
            raise ValueError(
                f"sampling.spacing: {spacing.name} steps {span} are lost in double precision; choose karras or "
                "log_snr, or raise edm.sigma_min"
            )
        raise ValueError(
            f"edm.rho: {self.rho:g} is too small, for the powers 1/ρ of the noise levels {span} are lost in double "
            f"precision; raise edm.rho to {1.05 * needed:.2g} or more"
        )


EDMSection.later = tuple(EDMSection.model_fields)  # the whole section


class SamplingSection(Section):
    later: ClassVar[tuple[str, ...]] = ("spacing", "tolerance")

    method: SamplerName = Field(
        METHODS.first.sampler, title="Sampler", description="How maps are drawn; each method has its own samplers."
    )
    ddim_timesteps: Integer = Field(
        50, ge=1, title="DDIM steps", description="Network evaluations of DDIM; 250 or more for a quoted P(k)."
    )
    num_steps: Integer = Field(
        50,
        ge=1,
        le=MOST_STEPS,
        title="Steps",
        description="Steps of Heun (two evaluations each), Euler and DPM-Solver++(2M).",
    )
    spacing: SpacingName = Field(
        AUTO,
        title="Timestep schedule",
        description="auto: even in t for diffusion and flow, σ^(1/ρ) (karras) for EDM; log_snr: even in ln σ.",
    )
    tolerance: Number = Field(
        1e-3, ge=LEAST_TOLERANCE, lt=1, title="Tolerance", description="Relative and absolute, of the adaptive solver."
    )
    cfg_scale: Number = Field(
        1.0, ge=0, le=100, title="Guidance", description="1 is unbiased; larger values sharpen maps and bias P(k)."
    )
    eta: Number = Field(0.0, ge=0, le=1, title="η", description="DDIM noise: 0 deterministic, 1 as DDPM.")
