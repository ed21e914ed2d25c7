"""The learning rate after the warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from focus_core.catalogue.registry import Registry


@dataclass(frozen=True)
class LearningRateSpec:
    """`rate` is the path of a function (section, base rate, epochs since the warm-up, share of the decay) → rate.

    None: the rate is constant, and if it `follows_validation` it is reduced when the validation loss does not fall.
    `settings` are the keys of training.scheduler that apply to it.
    """

    name: str
    rate: str | None = None
    settings: tuple[str, ...] = ()
    follows_validation: bool = False

    @property
    def ends_at_its_own(self) -> bool:
        """Whether it ends at a rate given in the configuration, rather than at a value below the first."""
        return "eta_min" in self.settings


LEARNING_RATES: Registry[LearningRateSpec] = Registry(
    LearningRateSpec("plateau", settings=("factor", "patience", "min_lr"), follows_validation=True),
    LearningRateSpec("cosine", "focus_core.training.learning_rate:cosine", ("T_max", "eta_min")),
    LearningRateSpec("linear", "focus_core.training.learning_rate:linear", ("T_max", "eta_min")),
    LearningRateSpec("step", "focus_core.training.learning_rate:step", ("step_size", "gamma")),
    LearningRateSpec("none"),
)

if TYPE_CHECKING:
    LearningRateName = str
else:
    LearningRateName = Literal[LEARNING_RATES.names]
