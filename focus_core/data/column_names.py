"""Names of the parameters in tables: other spellings of the names in the parameter spaces."""

from __future__ import annotations

from focus_core.parameters import SPACES

# Other spellings of the same columns: the short header of the CAMELS Multifield Dataset, and the CAMELS tables.
_ALIASES = {
    "Om": "Omega_m",
    "Omega0": "Omega_m",
    "Ob": "Omega_b",
    "ns": "n_s",
    "s8": "sigma_8",
    "sigma8": "sigma_8",
    "w": "w0",
    "SN1": "A_SN1",
    "AGN1": "A_AGN1",
    "SN2": "A_SN2",
    "AGN2": "A_AGN2",
    "ASN1": "A_SN1",
    "AAGN1": "A_AGN1",
    "ASN2": "A_SN2",
    "AAGN2": "A_AGN2",
}


def own_name(called: str) -> str:
    """The name of a column in a parameter space, whatever a table calls it; an unknown name unchanged."""
    return _ALIASES.get(called, called)


def is_known_name(called: str) -> bool:
    """Whether a shipped space has a parameter of that name, in any spelling."""
    return any(own_name(called) in space.names for space in SPACES.values()) or called.lower() in ("name", "seed")
