"""Networks by name. Adding one is its module and one line here; forms, files and error messages then know it."""

from __future__ import annotations

from collections.abc import Mapping

# Name in `model.from` → "module:function", where function(model, periodic, start) → network.
NETWORKS: Mapping[str, str] = {
    "SimpleUNet": "focus_core.networks.simple_unet:build",
    "FlowUNet": "focus_core.networks.simple_unet:build",  # older files' name for the same layers in flow matching
    "ModernUNet": "focus_core.networks.modern_unet:build",
}

# A network that only some methods may use; any other serves every method.
ONLY_FOR: Mapping[str, tuple[str, ...]] = {"FlowUNet": ("flow",)}
