"""The section that says how maps are transformed for a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from focus_core.catalogue.transforms import TRANSFORMS, TransformName
from focus_core.schema.fields import Number, Section


class TransformSection(Section):
    name: TransformName = Field(
        TRANSFORMS.first.name,
        title="Transform",
        description="Of Σ, for the network: its log10, a power (Box–Cox), asinh, or none; then standardised.",
    )
    exponent: Number = Field(
        0.1,
        alias="lambda",
        ge=1e-3,
        le=1,
        title="λ",
        description="Of Box–Cox, ((Σ/Σ₀)^λ − 1)/λ with the mean Σ₀: from 0.001, nearly the logarithm, to 1, linear.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, plain: Any) -> Any:
        """Settings of a transform that is not named would be those of none."""
        if isinstance(plain, Mapping) and "lambda" in plain and "name" not in plain:
            owners = " or ".join(f"name: {spec.name}" for spec in TRANSFORMS.values() if "lambda" in spec.settings)
            raise ValueError(f"has a lambda without a name; write {owners} beside it, or leave lambda out")
        return plain

    @field_validator("exponent")
    @classmethod
    def _of_its_own(cls, value: float, info: ValidationInfo) -> float:
        """An unused λ makes no difference: neither to a digest, nor to whether two configurations are equal."""
        spec = TRANSFORMS.get(str(info.data.get("name")))
        return value if spec is None or "lambda" in spec.settings else float(cls.model_fields["exponent"].default)

    def in_words(self) -> str:
        spec = TRANSFORMS[self.name]
        return spec.in_words(self.exponent if spec.settings else None)

    def to_dict(self) -> dict[str, Any] | None:
        """Plain values with the file's own keys; None for the default."""
        if self == TransformSection():
            return None
        own = ("name", *TRANSFORMS[self.name].settings)
        return {key: value for key, value in self.model_dump(mode="json", by_alias=True).items() if key in own}


def named(plain: Any) -> Any:
    """A bare word is the name."""
    return {"name": plain} if isinstance(plain, str) else plain
