"""What a run's loss measures, by its method: losses of different kinds have no meaningful ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_core.catalogue.methods import METHODS, method_of

# For a run of which nothing else is known.
FIRST = METHODS.first.loss({})


def loss_words(config: Mapping[str, Any]) -> str:
    """For an axis, as plotly's HTML; a configuration from before there were several methods has the first method."""
    method = method_of(config)
    return method.loss(config.get(method.section, {}))
