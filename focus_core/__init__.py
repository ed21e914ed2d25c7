"""FOCUS's science as a library: simulate, open a dataset, load a run, draw maps, measure P(k).

    import focus_core as focus

    maps = focus.simulate({"Omega_m": 0.3, "Omega_b": 0.05, "h": 0.7, "n_s": 0.96, "sigma_8": 0.8, "w0": -1.0})
    spectrum = focus.power_spectrum(maps, box_size=64.0)

numpy in, numpy out; lengths in Mpc/h, k in h/Mpc, surface densities in (M☉/h)/(Mpc/h)². What is asked for is imported
at its first use, so that `import focus_core` needs no torch and takes no time; docs/tour.ipynb shows all of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focus_core.library import open_dataset, sample, simulate
    from focus_core.sampling.from_run import load_run
    from focus_core.statistics.power import power_spectrum
    from focus_core.versions import __version__

__all__ = ["__version__", "load_run", "open_dataset", "power_spectrum", "sample", "simulate"]

_HOMES = {
    "__version__": "focus_core.versions",
    "load_run": "focus_core.sampling.from_run",
    "open_dataset": "focus_core.library",
    "power_spectrum": "focus_core.statistics.power",
    "sample": "focus_core.library",
    "simulate": "focus_core.library",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'focus_core' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
