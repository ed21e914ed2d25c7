"""Transforms: how a network sees a pixel, before it is standardised on the training maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from focus_core.catalogue.registry import Registry
from focus_core.errors import UserError


@dataclass(frozen=True)
class TransformSpec:
    """`forward`, Σ → y, and `inverse`, y → Σ, are paths of functions (doubles, `pixel_functions.Fitted`) → doubles."""

    name: str
    title: str
    forward: str
    inverse: str
    # The keys of the configuration's section that apply to it.
    settings: tuple[str, ...] = ()
    # The function taken of a pixel, which must not be negative for it; None if a pixel may have either sign.
    taken: str | None = None
    # Pixels below this share of the mean of the training maps are raised to it.
    floor_share: float = 0.0
    # Whether it uses Σ₀, the mean |Σ| of the training maps.
    scaled: bool = False
    # Whether y is then given mean 0 and variance 1 over the training maps.
    standardised: bool = True

    def in_words(self, exponent: float | None = None) -> str:
        return self.title if exponent is None else f"{self.title}, λ = {exponent:g}"


_PIXELS = "focus_core.data.pixel_functions"

# The first is that of older configurations, which do not name one.
TRANSFORMS: Registry[TransformSpec] = Registry(
    TransformSpec("log10", "log10 Σ", f"{_PIXELS}:log10", f"{_PIXELS}:from_log10", taken="logarithm", floor_share=1e-3),
    TransformSpec(
        "boxcox",
        "Box–Cox",
        f"{_PIXELS}:box_cox",
        f"{_PIXELS}:from_box_cox",
        settings=("lambda",),
        taken="power",
        scaled=True,
    ),
    TransformSpec("asinh", "asinh Σ/Σ₀", f"{_PIXELS}:asinh", f"{_PIXELS}:from_asinh", scaled=True),
    TransformSpec("none", "Σ itself", f"{_PIXELS}:as_it_is", f"{_PIXELS}:as_it_is"),
)

# For maps that are already normalised, unless they are to be transformed again. It cannot be chosen.
AS_THEY_CAME = TransformSpec(
    "identity", "as they came", f"{_PIXELS}:as_it_is", f"{_PIXELS}:as_it_is", standardised=False
)

# The solution for maps with negative pixels, as part of a sentence.
EITHER_SIGN = f"set data.transform to {' or '.join(spec.name for spec in TRANSFORMS.values() if spec.taken is None)}"

if TYPE_CHECKING:
    TransformName = str
else:
    TransformName = Literal[TRANSFORMS.names]


def fitted_spec(kind: Any, source: str) -> TransformSpec:
    """Entry of a stored transform; UserError, in which `source` names the file, for an unknown one."""
    for spec in (AS_THEY_CAME, *TRANSFORMS.values()):
        if spec.name == kind:
            return spec
    raise UserError(
        f"{source}: has the transform {kind!r}, which this version of FOCUS does not know ({', '.join(TRANSFORMS)}); "
        "use the version that trained it, or another checkpoint."
    )


def spec_for(name: str, normalised: bool, source: str) -> TransformSpec:
    """What a configuration's word means for these maps; UserError for a power of maps that are already normalised."""
    spec = TRANSFORMS[name]
    if not normalised or spec.taken is None:
        return spec
    if spec is TRANSFORMS.first:
        return AS_THEY_CAME
    raise UserError(
        f"data.transform: {name} takes a {spec.taken} of physical maps, but {source} holds normalised values; "
        f"leave data.transform out, or {EITHER_SIGN}."
    )


def taken_by_default(normalised: bool) -> str | None:
    """The function taken of the pixels of a dataset, unless another transform is chosen."""
    return None if normalised else TRANSFORMS.first.taken
