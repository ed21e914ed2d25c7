"""A request for maps in words: labels that distinguish requests, and how the controls differ from a request.

Pure: no Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dashboard.look.markup import theta_value
from dashboard.look.words import clock
from focus_core.catalogue.samplers import sampler_title
from focus_core.parameters import ParameterSpace
from focus_store.contracts import SampleRow, SampleSpec

_ALIKE = 2e-4  # of a parameter's range: less than a step of its slider


def changed_words(space: ParameterSpace, shown: SampleSpec, wanted: SampleSpec) -> list[str]:
    """The settings of the maps that are shown, by name and value, for which the controls have another value."""
    pairs = zip(space.parameters, shown.theta, wanted.theta, strict=False)
    words = [
        f"{p.symbol} {theta_value(p, value)}"
        for p, value, other in pairs
        if not math.isclose(value, other, rel_tol=0.0, abs_tol=_ALIKE * (p.maximum - p.minimum))
    ]
    ours, theirs = _settings(shown), _settings(wanted)
    return words + [word for word, other in zip(ours, theirs, strict=True) if word != other]


def sample_label(row: SampleRow, rows: Sequence[SampleRow], space: ParameterSpace | None) -> str:
    """Time of the request, its seed, and whatever else differs among the requests."""
    every = [_words(other.spec, space) for other in rows]
    own = _words(row.spec, space)
    telling = [word for i, word in enumerate(own) if any(other[i] != word for other in every if len(other) == len(own))]
    seed = f"seed {row.spec.seed}"
    return ", ".join([clock(row.created_at), *(telling if seed in telling else [seed, *telling])])


def _words(spec: SampleSpec, space: ParameterSpace | None) -> list[str]:
    parameters = () if space is None else zip(space.parameters, spec.theta, strict=False)
    return [*(f"{p.symbol} {theta_value(p, value)}" for p, value in parameters), *_settings(spec)]


def _settings(spec: SampleSpec) -> list[str]:
    return [
        f"{spec.n} map{'s' if spec.n > 1 else ''}",
        f"seed {spec.seed}",
        f"{sampler_title(spec.sampler)} {spec.steps}",
        f"guidance {spec.guidance:g}",
        f"{spec.weights} weights",
        f"{spec.checkpoint} checkpoint",
    ]
