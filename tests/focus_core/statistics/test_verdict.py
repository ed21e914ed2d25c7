"""The verdict, as a table of every boundary."""

from __future__ import annotations

import math

import pytest

from focus_core.statistics.verdict import Judgement, Verdict, judge, simulations_to_tell, worst

# With error 3 and floor 4: s = 5, so that 2 s = 10 and 3 s = 15. All numbers are exact in binary.
TABLE = [
    # value, error, floor, level, ideal, verdict
    (0.0, 0.0, 0.0, 0.0, 0.0, "pass"),
    (1.0, 0.0, 0.0, 1.0, 0.0, "pass"),  # d = level
    (1.25, 0.0, 0.0, 1.0, 0.0, "fail"),  # without uncertainty there is nothing between
    (10.0, 3.0, 4.0, 1.0, 0.0, "pass"),  # d = 2 s > level: cannot be told apart
    (10.25, 3.0, 4.0, 1.0, 0.0, "warn"),
    (16.0, 3.0, 4.0, 1.0, 0.0, "warn"),  # d = level + 3 s
    (16.25, 3.0, 4.0, 1.0, 0.0, "fail"),
    (20.0, 3.0, 4.0, 20.0, 0.0, "pass"),  # d = level > 2 s
    (20.25, 3.0, 4.0, 20.0, 0.0, "warn"),
    (35.25, 3.0, 4.0, 20.0, 0.0, "fail"),
    (1.0, 3.0, 4.0, 1.0, 1.0, "pass"),
    (-9.0, 3.0, 4.0, 1.0, 1.0, "pass"),  # below the ideal as above it: d = 10
    (-9.25, 3.0, 4.0, 1.0, 1.0, "warn"),
    (-15.25, 3.0, 4.0, 1.0, 1.0, "fail"),
]


@pytest.mark.parametrize(("value", "error", "floor", "level", "ideal", "verdict"), TABLE)
def test_the_verdict_is_pass_up_to_level_or_twice_s_and_fail_beyond_level_plus_three_s(
    value: float, error: float, floor: float, level: float, ideal: float, verdict: str
) -> None:
    found = judge(value, error, floor, level, ideal)
    assert found.verdict == verdict
    assert (found.value, found.error, found.floor, found.level) == (value, error, floor, level)


def test_what_is_not_measured_has_its_reason_and_no_numbers() -> None:
    found = judge(None, 0.1, 0.1, 0.05, 1.0, reason="sbi is not installed.")
    assert found == Judgement(None, None, None, 0.05, 1.0, Verdict.NOT_MEASURED, "sbi is not installed.")
    assert judge(math.nan, 0.1, 0.1, 0.05, 1.0).reason == "its value is not a finite number (nan)."
    assert judge(1.0, math.inf, 0.1, 0.05, 1.0).verdict == "not measured"
    assert judge(1.0, 0.1, None, 0.05, 1.0).reason == "its floor is not a finite number (None)."
    with pytest.raises(ValueError, match="needs its reason"):
        judge(None, None, None, 0.05, 1.0)


def test_a_deviation_that_passes_by_its_uncertainty_alone_says_how_many_simulations_would_tell() -> None:
    found = judge(1.15, 0.08, 0.06, 0.05, 1.0, n_simulations=16)
    assert found.verdict == "pass"
    # s = 0.1 falls to 0.025 with 16 times as many.
    assert found.reason == "16 simulations cannot tell the deviation from that of a perfect emulator; 256 would tell."
    assert judge(1.04, 0.08, 0.06, 0.05, 1.0, n_simulations=16).reason == ""
    assert judge(1.5, 0.08, 0.06, 0.05, 1.0, n_simulations=16).reason == ""
    assert simulations_to_tell(0.1, 0.0, 16) is None
    assert simulations_to_tell(0.01, 0.05, 16) == 16


def test_the_worst_entry_is_the_most_severe_and_then_the_one_that_exceeds_most() -> None:
    passing, warning = judge(1.0, 0.1, 0.0, 0.05, 1.0), judge(1.28, 0.1, 0.0, 0.05, 1.0)
    failing, further = judge(1.5, 0.1, 0.0, 0.05, 1.0), judge(0.2, 0.1, 0.0, 0.05, 1.0)
    absent = judge(None, None, None, 0.05, 1.0, reason="too few maps.")
    assert warning.verdict == "warn"
    assert worst([absent, passing]) is passing
    assert worst([passing, warning, absent]) is warning
    assert worst([failing, warning, further, passing]) is further
    assert worst([absent]) is absent


@pytest.mark.parametrize(("error", "floor", "level"), [(-0.1, 0.0, 0.1), (0.0, -0.1, 0.1), (0.0, 0.0, -0.1)])
def test_negative_errors_and_levels_are_no_numbers_to_judge_by(error: float, floor: float, level: float) -> None:
    with pytest.raises(ValueError, match="negative"):
        judge(1.0, error, floor, level, 1.0)
