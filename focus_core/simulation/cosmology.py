"""Background, growth and linear power of a wCDM cosmology, in units of h (Mpc/h, h/Mpc).

The same E² = Ω_m a⁻³ + (1 − Ω_m) a^(−3(1+w0)) everywhere: flat, no radiation, no neutrinos. pyccl works in 1/Mpc:
P_h(k) = h³ P(k h).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyccl
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cosmology:
    """A flat wCDM universe. `h` is H₀ in 100 km/s/Mpc; σ8 is that of the linear field at z = 0."""

    Omega_m: float
    Omega_b: float
    h: float
    n_s: float
    sigma_8: float
    w0: float

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> Cosmology:
        """From named values; names that are not cosmological parameters (feedback labels) are ignored."""
        return cls(**{name: float(values[name]) for name in cls.__dataclass_fields__})

    def hubble(self, a: ArrayLike) -> FloatArray:
        """E(a) = H/H₀."""
        scale = np.asarray(a, dtype=np.float64)
        return np.sqrt(self.Omega_m * scale**-3 + (1.0 - self.Omega_m) * scale ** (-3.0 * (1.0 + self.w0)))

    def linear_power(self, k: ArrayLike, a: float = 1.0) -> FloatArray:
        """Linear P(k) [(Mpc/h)³] at k [h/Mpc], Eisenstein and Hu's transfer function, zero at k = 0."""
        wavenumber = np.asarray(k, dtype=np.float64)
        positive = wavenumber > 0
        power = np.zeros_like(wavenumber)
        power[positive] = self.h**3 * self._pyccl().linear_matter_power(wavenumber[positive] * self.h, a)
        return power

    def growth(self, a: ArrayLike) -> FloatArray:
        """D(a), with D(1) = 1."""
        return self._pyccl().growth_factor(np.ravel(a).astype(np.float64)).reshape(np.shape(a))

    def growth_rate(self, a: ArrayLike) -> FloatArray:
        """f(a) = d ln D / d ln a."""
        return self._pyccl().growth_rate(np.ravel(a).astype(np.float64)).reshape(np.shape(a))

    def _pyccl(self) -> pyccl.Cosmology:
        key = (self.Omega_m, self.Omega_b, self.h, self.n_s, self.sigma_8, self.w0)
        if key not in _COSMOLOGIES:
            _COSMOLOGIES.clear()  # one is in use at a time, and each holds tables in C
            _COSMOLOGIES[key] = pyccl.Cosmology(
                Omega_c=self.Omega_m - self.Omega_b,
                Omega_b=self.Omega_b,
                h=self.h,
                n_s=self.n_s,
                sigma8=self.sigma_8,
                w0=self.w0,
                Omega_g=0.0,
                Neff=0.0,
                transfer_function="eisenstein_hu",
                matter_power_spectrum="linear",
            )
        return _COSMOLOGIES[key]


_COSMOLOGIES: dict[tuple[float, ...], pyccl.Cosmology] = {}
