"""Networks by name."""

from __future__ import annotations

from focus_core.catalogue.by_path import load
from focus_core.catalogue.network_spec import ModelSettings, NetworkSpec
from focus_core.catalogue.registry import Registry
from focus_core.errors import UserError

# One line per network: the place of its declaration, in a module that imports without torch.
_DECLARED = (
    "focus_core.catalogue.unets:SIMPLE_UNET",
    "focus_core.catalogue.unets:FLOW_UNET",
    "focus_core.catalogue.unets:MODERN_UNET",
)

NETWORKS: Registry[NetworkSpec] = Registry(*map(load, _DECLARED))

OWN_SETTINGS = tuple(key for spec in NETWORKS.values() for key in spec.own_settings)


def networks_of(method: str) -> tuple[str, ...]:
    """Those that a method may train; the first is used when the method of a configuration changes."""
    return tuple(spec.name for spec in NETWORKS.values() if spec.learns(method))


def network_refusal(name: str, method: str) -> str | None:
    """Why a method cannot train a network, as text after the name of the setting; None if it can."""
    if NETWORKS[name].learns(method):
        return None
    return f"{name} is not available for method {method}; use {', '.join(networks_of(method))}"


def check_grid(name: str, model: ModelSettings, grid: int) -> None:
    """UserError if a network cannot take maps of grid × grid pixels."""
    refusal = NETWORKS[name].grid_refusal(model, grid)
    if refusal is not None:
        raise UserError(f"{refusal}.")
