"""Verdicts and numbers of an evaluation for cells, readouts and sentences. Plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.look.words import DASH, NOTHING, Amount, decimals, signed_with_error
from focus_core.evaluated import FAIL, NOT_MEASURED, PASS, WARN, Evaluated, Score


@dataclass(frozen=True)
class VerdictLook:
    """Word and sign, so that no verdict is shown by colour alone."""

    family: str  # the CSS class of its pill
    glyph: str
    words: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.words}"


VERDICTS: Mapping[str, VerdictLook] = {
    PASS: VerdictLook("green", "✓", "pass"),
    WARN: VerdictLook("yellow", "△", "warn"),
    FAIL: VerdictLook("red", "✗", "fail"),
    NOT_MEASURED: VerdictLook("gray", DASH, "not measured"),
}


def verdict_look(verdict: str) -> VerdictLook:
    return VERDICTS.get(verdict, VERDICTS[NOT_MEASURED])


def deviation(found: Evaluated) -> Amount:
    """ "+0.5 ± 5.9 %" of mean P(k) in its worst band."""
    return NOTHING if found.deviation is None else signed_with_error(found.deviation, found.error)


def counts(found: Evaluated) -> str:
    """ "13 pass, 1 fail": statistics that were measured, by their verdicts."""
    told = [f"{n} {VERDICTS[verdict].words}" for verdict, n in _numbers(found).items() if n]
    return ", ".join(told) or "nothing measured"


def short_counts(found: Evaluated) -> str:
    """ "✓13 ✗1", for a cell."""
    return " ".join(f"{VERDICTS[verdict].glyph}{n}" for verdict, n in _numbers(found).items() if n)


def evaluated_at(found: Evaluated) -> str:
    """What was evaluated: "192 maps at 16 θ"."""
    return f"{found.maps:,} maps at {found.simulations} θ"


def value_with_error(score: Score, places: int = 3) -> str:
    """ "1.012 ± 0.010", in the unit of the statistic."""
    if score.value is None:
        return DASH
    return f"{decimals(score.value, places)} ± {DASH if score.error is None else decimals(score.error, places)}"


def _numbers(found: Evaluated) -> dict[str, int]:
    return {PASS: found.passed, WARN: found.warned, FAIL: found.failed}
