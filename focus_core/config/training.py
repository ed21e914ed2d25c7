"""The section that says how a network is trained."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from focus_core.catalogue.learning_rates import LEARNING_RATES, LearningRateName
from focus_core.schema.fields import Integer, Number, Section, Text

# Keys that say on what hardware a run trains and what it keeps, not what is learned: not in a digest, and free to
# change when a run is resumed.
HOW_IT_RUNS = (
    *("devices", "checkpoint_minutes", "keep_every", "keep_last"),
    *("precision", "compile", "deterministic", "accumulation", "activation_checkpointing"),
)


def _switch(value: Any) -> Any:
    """YAML reads `compile: true` as a truth value; here it is one of four words."""
    return str(value).lower() if isinstance(value, bool) else value


class AugmentationSection(Section):
    rotation_p: Number = Field(0.5, ge=0, le=1, title="Rotation", description="Probability of a quarter-turn rotation.")
    flip_p: Number = Field(0.5, ge=0, le=1, title="Flip", description="Probability of a reflection, for each axis.")


class SchedulerSection(Section):
    name: LearningRateName = Field(
        LEARNING_RATES.first.name, title="Scheduler", description="What happens to the learning rate after the warm-up."
    )
    factor: Number = Field(0.3, gt=0, lt=1, title="Factor", description="Plateau: the rate is multiplied by this.")
    patience: Integer = Field(
        2, ge=0, title="Patience", description="Plateau: epochs without progress.", json_schema_extra={"unit": "epochs"}
    )
    min_lr: Number = Field(
        1e-7, ge=0, title="Minimum learning rate", description="Plateau: the rate never falls below this."
    )
    warmup_epochs: Number = Field(
        5,
        ge=0,
        title="Warm-up",
        description="The rate rises linearly from 0 over these epochs.",
        json_schema_extra={"unit": "epochs"},
    )
    T_max: Integer | None = Field(
        None,
        ge=1,
        title="Decay length",
        description="Cosine and linear: epochs to reach eta_min; empty: all that follow the warm-up.",
        json_schema_extra={"unit": "epochs"},
    )
    eta_min: Number = Field(
        0.0, ge=0, le=10, title="Minimum learning rate", description="Cosine and linear: the rate at the end."
    )
    step_size: Integer = Field(
        30, ge=1, title="Step", description="Step: epochs between cuts.", json_schema_extra={"unit": "epochs"}
    )
    gamma: Number = Field(0.1, gt=0, le=1, title="Gamma", description="Step: the rate is multiplied by this.")


class TrainingSection(Section):
    later: ClassVar[tuple[str, ...]] = ("init_from",)

    batch_size: Integer = Field(32, ge=1, le=65_536, title="Batch size", description="Maps per step.")
    num_epochs: Integer = Field(200, ge=1, le=1_000_000, title="Epochs", description="Passes over the training maps.")
    lr: Number = Field(1e-4, gt=0, le=10, title="Learning rate", description="Base rate of AdamW.")
    weight_decay: Number = Field(1e-4, ge=0, le=1e6, title="Weight decay", description="Decoupled decay of AdamW.")
    cfg_prob: Number = Field(
        0.1,
        ge=0,
        lt=1,
        title="Conditioning dropout",
        description="Share of maps trained without θ, for classifier-free guidance.",
    )
    sample_every: Integer = Field(
        1, ge=1, title="Sample every", description="Epochs between figures.", json_schema_extra={"unit": "epochs"}
    )
    gradient_clip: Number = Field(
        1.0, ge=0, title="Gradient clip", description="Largest gradient norm; 0 switches clipping off."
    )
    optimizer: Literal["adamw", "adam"] = Field("adamw", title="Optimiser", description="adamw, or adam without decay.")
    use_augmentation: bool = Field(
        False, title="Augmentation", description="Flips, rotations and, where the map is periodic, shifts."
    )
    augmentation: AugmentationSection = AugmentationSection()
    scheduler: SchedulerSection = SchedulerSection()
    seed: Integer = Field(
        0, ge=0, lt=2**63, title="Seed", description="Seeds the weights, the order of maps and the noise."
    )
    ema_decay: Number = Field(
        0.999, ge=0, lt=1, title="EMA decay", description="Of the averaged weights used for sampling; 0 is off."
    )
    init_from: Text | None = Field(
        None,
        title="Start from",
        description="Run folder, checkpoint file or experiment of the laboratory whose averaged weights are the first.",
    )
    devices: Integer = Field(
        1, ge=1, le=1024, title="Devices", description="Processes of a GPU (or a core) each that share every batch."
    )
    checkpoint_minutes: Number = Field(
        10.0,
        gt=0,
        title="Checkpoint every",
        description="A checkpoint is written after every epoch, and within a longer one after this time.",
        json_schema_extra={"unit": "minutes"},
    )
    keep_every: Integer = Field(
        0,
        ge=0,
        title="Keep every",
        description="Keep the checkpoint of every so many epochs for good; 0: only the best and the last.",
        json_schema_extra={"unit": "epochs"},
    )
    keep_last: Integer = Field(
        0, ge=0, title="Keep at most", description="Of the checkpoints of epochs, only the newest so many; 0: all."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", title="Precision", description="Numbers of a step; auto: bf16 on a GPU that has it, else fp32."
    )
    compile: Annotated[Literal["auto", "true", "false", "graph"], BeforeValidator(_switch)] = Field(
        "auto",
        title="Compile",
        description="Compile the network at its first step (minutes); auto: on CUDA alone; graph: CUDA, short steps.",
    )
    deterministic: bool = Field(
        False, title="Deterministic", description="CUDA: equal runs are equal to the last bit, at some cost of speed."
    )
    accumulation: Integer = Field(
        1,
        ge=1,
        le=65_536,
        title="Gradient accumulation",
        description="In how many parts a batch is computed, one after another, to save memory.",
    )
    activation_checkpointing: bool = Field(
        False,
        title="Activation checkpointing",
        description="Blocks recompute their activations: less memory, a third more time.",
    )

    @model_validator(mode="after")
    def _decays(self) -> TrainingSection:
        """AdamW multiplies weights by 1 − η λ at rate η and decay λ: below 0 they change sign, below −1 they grow."""
        last = self.scheduler.eta_min if LEARNING_RATES[self.scheduler.name].ends_at_its_own else 0.0
        rate = max(self.lr, last)
        if self.optimizer == "adamw" and rate * self.weight_decay > 1.0:
            raise ValueError(
                f"weight_decay {self.weight_decay:g} at the rate {rate:g} takes more than the whole weight in a step; "
                f"lower training.weight_decay below {1.0 / rate:g}"
            )
        return self

    @field_validator("init_from")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return value if value and value.strip() else None
