"""Perfect maps are not failed and planted faults are: the smallest setting of benchmarks/evaluation_faults.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def faults() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("evaluation_faults")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module", params=["gaussian", "lognormal"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_maps_without_a_fault_fail_no_statistic(faults: ModuleType, kind: str) -> None:
    pool = faults.random_pool(kind, 0, n_theta=48, n_phases=2, each=12)
    ground = faults.make_set(pool, faults.np.random.default_rng(1), n=48)
    failed = [r.statistic.name for r in faults.evaluate(ground, faults.NAMES, False) if r.judgement.verdict == "fail"]
    assert failed == []


def test_each_planted_fault_is_failed_by_the_statistics_that_are_meant_for_it(faults: ModuleType) -> None:
    pool = faults.random_pool("lognormal", 2, n_theta=64, n_phases=2)
    missed = {
        fault.title: counts for fault in faults.FAULTS if min((counts := faults.caught(pool, fault, 1, 3)).values()) < 1
    }
    assert missed == {}
