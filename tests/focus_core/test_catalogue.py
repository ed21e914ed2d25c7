"""What there is to choose from, and how far."""

from __future__ import annotations

import pytest

from focus_core.catalogue.samplers import MOST_STEPS, SAMPLERS


@pytest.mark.parametrize(
    ("method", "sampler", "timesteps", "most"),
    [
        ("diffusion", "ddim", 50, 50),
        ("diffusion", "heun", 50, 50),
        ("diffusion", "ddim", 20_000, 20_000),
        ("diffusion", "heun", 20_000, MOST_STEPS),
        ("edm", "heun", 50, MOST_STEPS),
        ("flow", "euler", 50, MOST_STEPS),
    ],
)
def test_a_sampler_of_a_schedule_takes_no_more_steps_than_the_schedule_has(
    method: str, sampler: str, timesteps: int, most: int
) -> None:
    assert SAMPLERS[sampler].most_steps(method, timesteps) == most
