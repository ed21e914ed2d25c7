"""Networks by name."""

from __future__ import annotations

from focus_core.catalogue.network_spec import ModelSettings, NetworkSpec
from focus_core.catalogue.registry import Registry
from focus_core.catalogue.unets import FLOW_UNET, MODERN_UNET, SIMPLE_UNET
from focus_core.errors import UserError

NETWORKS: Registry[NetworkSpec] = Registry(
    SIMPLE_UNET,
    FLOW_UNET,
    MODERN_UNET,
)


OWN_SETTINGS = tuple(key for spec in NETWORKS.values() for key in spec.own_settings)


def networks_of(method: str) -> tuple[str, ...]:
    """Those that a method may train; the first is the one for a method that changes."""
    return tuple(spec.name for spec in NETWORKS.values() if spec.learns(method))


def network_refusal(name: str, method: str) -> str | None:
    """Why a method cannot train a network, to stand after the name of the setting; None where it can."""
    if NETWORKS[name].learns(method):
        return None
    return f"{name} is not available for method {method}; use {', '.join(networks_of(method))}"


def check_grid(name: str, model: ModelSettings, grid: int) -> None:
    """UserError if a network cannot take maps of grid × grid pixels."""
    refusal = NETWORKS[name].grid_refusal(model, grid)
    if refusal is not None:
        raise UserError(f"{refusal}.")
