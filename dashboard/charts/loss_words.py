"""What a run's loss is, by its method: losses of different kinds have no ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_core.catalogue.methods import METHODS, method_of

# Of a run of which nothing else is known.
FIRST = METHODS.first.loss({})


def loss_words(config: Mapping[str, Any]) -> str:
    """For an axis, as plotly's HTML; a configuration from before there were several methods is of the first."""
    method = method_of(config)
    return method.loss(config.get(method.section, {}))
