"""Statistics of maps by name: what each measures, its summary, its requirements and the criterion that it is judged by.

`measure` names code that is called as measure(maps, box_size) and gives arrays with axes and units, one row per map;
`summary` names code that is called as summary(ground, level) and gives a number with error, floor and verdict for each
band. A new statistic is its module and one entry here: report, figures, tables and documentation follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto


class Needs(Flag):
    """Requirements of a statistic."""

    NOTHING = 0
    PHYSICAL = auto()  # maps of Σ with a unit, not normalised values
    SAME_GRID = auto()  # maps of the simulations' grid and box
    RUN = auto()  # a network that draws at any θ


@dataclass(frozen=True)
class Statistic:
    """`level` is the allowed deviation; `ideal` the score of a perfect emulator with infinitely many boxes.

    `unit` is that of the value, `axis` names its entries, `panel` says how it is drawn.
    """

    name: str
    title: str
    unit: str
    axis: str
    measure: str
    summary: str
    level: float
    ideal: float
    panel: str
    needs: Needs = Needs.PHYSICAL | Needs.SAME_GRID

    @property
    def in_words(self) -> str:
        return self.title[0].lower() + self.title[1:] if not self.title[:2].isupper() else self.title


_MEASURES, _CODE = "focus_core.evaluation.measures", "focus_core.evaluation"
_ANY = Needs.SAME_GRID

_ALL = (
    Statistic(
        "power_mean", "Mean power spectrum", "generated / simulated", "band of k", f"{_MEASURES}:power",
        f"{_CODE}.means:power_mean", 0.05, 1.0, "curves",
    ),
    Statistic(
        "power_log", "Mean power spectrum of log Σ", "generated / simulated", "band of k", f"{_MEASURES}:log_power",
        f"{_CODE}.means:power_log", 0.05, 1.0, "curves", _ANY,
    ),
    Statistic(
        "power_scatter", "Scatter of P(k) between maps", "generated / simulated", "band of k", f"{_MEASURES}:power",
        f"{_CODE}.spreads:power_scatter", 0.15, 1.0, "curves",
    ),
    Statistic(
        "power_covariance", "Correlation of P(k) between scales", "difference", "all pairs of k", f"{_MEASURES}:power",
        f"{_CODE}.spreads:power_covariance", 0.10, 0.0, "matrices",
    ),
    Statistic(
        "chi2", "χ² of single spectra", "generated / real", "", f"{_MEASURES}:power",
        f"{_CODE}.spreads:chi2", 0.20, 1.0, "curves",
    ),
    Statistic(
        "pdf", "One-point distribution and tail", "distance; generated / simulated", "distance or percentile",
        f"{_MEASURES}:mean_of_field", f"{_CODE}.one_point:pdf", 0.10, 0.0, "curves",
    ),
    Statistic(
        "field_mean", "Mean of the field", "ln(generated / simulated)", "", f"{_MEASURES}:mean_of_field",
        f"{_CODE}.one_point:field_mean", 0.02, 0.0, "entries", Needs.PHYSICAL,
    ),
    Statistic(
        "bispectrum", "Bispectrum", "relative difference of Q", "shape and band of k", f"{_MEASURES}:triangles",
        f"{_CODE}.means:bispectrum", 0.20, 0.0, "curves",
    ),
    Statistic(
        "peaks", "Peaks and minima", "relative difference", "height", f"{_MEASURES}:peak_counts",
        f"{_CODE}.means:peaks", 0.10, 0.0, "curves", _ANY,
    ),
    Statistic(
        "minkowski", "Minkowski functionals", "relative difference", "functional", f"{_MEASURES}:functionals",
        f"{_CODE}.means:minkowski", 0.05, 0.0, "curves", _ANY,
    ),
    Statistic(
        "scattering", "Scattering coefficients", "relative difference", "scale", f"{_MEASURES}:coefficients",
        f"{_CODE}.means:scattering", 0.05, 0.0, "curves", _ANY,
    ),
    Statistic(
        "isotropy", "Isotropy and seams", "ratio", "direction", f"{_MEASURES}:directions", f"{_CODE}.means:isotropy",
        0.03, 1.0, "entries", Needs.PHYSICAL,
    ),
    Statistic(
        "response", "Response to the parameters", "∂ ln P/∂θ, difference", "parameter and band", f"{_MEASURES}:power",
        f"{_CODE}.responses:response", 0.10, 0.0, "curves",
    ),
    Statistic(
        "closure", "Parameters read off the maps", "bias in σ; relative scatter", "parameter", f"{_MEASURES}:power",
        f"{_CODE}.closures:closure", 0.25, 0.0, "entries",
    ),
    Statistic(
        "calibration", "Calibration of posteriors", "mean |z|, coverage", "parameter", f"{_MEASURES}:power",
        "", 0.10, 0.0, "entries",
    ),
    Statistic(
        "memorisation", "Memorisation", "distance, generated / real", "", f"{_MEASURES}:power",
        f"{_CODE}.copies:memorisation", 0.30, 1.0, "curves", _ANY,
    ),
)  # fmt: skip

STATISTICS = {statistic.name: statistic for statistic in _ALL}
QUOTED = STATISTICS["power_mean"]  # quoted of an evaluation where there is room for one number
