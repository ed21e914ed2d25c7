"""Known facts of the suites and sets of CAMELS (arXiv 2109.10915 and the project's own Info_* tables).

The box, the depth of the slices, the number of maps, which rows are separate boxes, and the parameters, which
differ by suite. The names of suites and sets are looked up only here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from focus_core.parameters import CAMELS_LH6, CAMELS_LH6_AGN4, CAMELS_NBODY2, ParameterSpace

BOX_SIZE, SLAB_DEPTH = 25.0, 5.0  # Mpc/h, of every suite that does not state others
MAPS_PER_SIMULATION = 15  # five slices along each of three axes
BUILT_IN_SUITE = "Nbody_FOCUSPM"
NBODY = "Nbody_"

# Suites whose official tables let A_AGN2 reach 4. EAGLE's own files call it SwiftEAGLE.
_AGN4_SUITES = ("Astrid", "Magneticum", "EAGLE", "SwiftEAGLE")
_LH6_SUITES = ("IllustrisTNG", "SIMBA", "Obsidian", "CROCODILE")
# Ramses has a feedback model of its own, in other columns and ranges.
_OTHER_SUITES = ("Ramses",)

# LH and others vary the six; SB28 and similar sets vary as many as their name says, for which FOCUS has no names.
SIX_PARAMETER_SETS = ("LH", "1P", "CV", "EX", "BE")
_SOBOL = re.compile(r"SB(\d+)")
# One cosmology, the ends of the ranges, and a set that leaves them on purpose: there, out of range is a warning.
LENIENT_SETS = ("CV", "1P", "EX")
# 27 boxes of one cosmology with different initial phases. (BE repeats one box: its rows are not separate boxes.)
_INDEPENDENT_SETS = ("CV",)

_STATED_BOX = re.compile(r"(?:^|[^A-Za-z0-9])L(\d+(?:\.\d+)?)n\d+(?:$|[^A-Za-z0-9])")


@dataclass(frozen=True)
class Suite:
    """The suite in a file's name. `stated_box` [Mpc/h] is in the name itself ("L50n512"), otherwise None."""

    name: str

    @property
    def stated_box(self) -> float | None:
        found = _STATED_BOX.search(self.name)
        return float(found[1]) if found else None

    @property
    def is_built_in(self) -> bool:
        return self.name.startswith(BUILT_IN_SUITE)

    @property
    def is_nbody(self) -> bool:
        return self.name.startswith(NBODY)

    @property
    def is_official(self) -> bool:
        """One of CAMELS' own suites, in CAMELS' own box: its known facts cannot be contradicted."""
        return not self.is_built_in and self.box_size == BOX_SIZE and (self.is_nbody or self._plain in _KNOWN)

    @property
    def box_size(self) -> float:
        """From the name, otherwise CAMELS' own."""
        return BOX_SIZE if self.stated_box is None else self.stated_box

    @property
    def slab_depth(self) -> float | None:
        """Known only for 25 Mpc/h."""
        return SLAB_DEPTH if self.box_size == BOX_SIZE and not self.is_built_in else None

    @property
    def has_own_parameters(self) -> bool:
        return self._plain in _OTHER_SUITES

    @property
    def space(self) -> ParameterSpace:
        if self.is_nbody:
            return CAMELS_NBODY2
        return CAMELS_LH6_AGN4 if self._plain in _AGN4_SUITES else CAMELS_LH6

    @property
    def _plain(self) -> str:
        """Without its box: "IllustrisTNG" for "IllustrisTNG_L25n256"."""
        return re.split(r"[^A-Za-z0-9]", self.name)[0]


_KNOWN = (*_LH6_SUITES, *_AGN4_SUITES, *_OTHER_SUITES)


def is_known_set(name: str) -> bool:
    return name in SIX_PARAMETER_SETS or sobol_parameters(name) is not None


def sobol_parameters(name: str) -> int | None:
    """28 for "SB28"; None for any other set."""
    found = _SOBOL.fullmatch(name)
    return int(found[1]) if found else None


def independent_by_name(suite: Suite, set_name: str) -> str:
    """The words that say why rows of one θ are separate boxes, or ""."""
    if set_name in _INDEPENDENT_SETS and not suite.is_built_in:
        return f"the set {set_name} is boxes of one cosmology with other initial phases"
    return ""
