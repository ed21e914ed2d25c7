"""A migrated record in a folder of its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from private_database import ServerPool

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path, server_pool: ServerPool
) -> Iterator[Settings]:
    """Settings of an empty, migrated record with impatient leases; every test runs on both databases."""
    url = server_pool.new_database() if request.param == "postgresql" else ""
    found = Settings.from_environment(
        {
            "FOCUS_HOME": str(tmp_path / "home"),
            "FOCUS_DATABASE_URL": url,
            "FOCUS_HEARTBEAT_SECONDS": "0.1",
            "FOCUS_LEASE_SECONDS": "0.3",
            "FOCUS_REAP_SECONDS": "0.1",
            "FOCUS_REPUBLISH_SECONDS": "0.2",
            "FOCUS_STALL_SECONDS": "0.3",
            "FOCUS_MAX_RETRIES": "2",
        }
    )
    found.home.mkdir()
    if not url:
        shutil.copy(migrated_file, found.home / "focus.db")
    yield found
    if url:
        server_pool.drop(url)


@pytest.fixture
def record(settings: Settings) -> Iterator[Record]:
    found = open_record(settings)
    yield found
    found.close()


@pytest.fixture
def config() -> ExperimentConfig:
    return validate_config({"experiment": {"name": "Λ run"}, "data": {"dataset": "quick"}})


@pytest.fixture
def write_journal() -> Callable[..., Path]:
    """Writes a journal by hand, as the trainer would: `write_journal(folder, events)` with (attempt, kind, fields)."""

    def write(folder: Path, events: list[tuple[int, str, dict[str, Any]]], torn: str = "") -> Path:
        path = folder / "logs" / "events.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"seq": i, "time": "2025-01-01T00:00:00.000000+00:00", "attempt": a, "kind": kind, **fields})
            for i, (a, kind, fields) in enumerate(events)
        ]
        path.write_text("".join(line + "\n" for line in lines) + torn, encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_figures() -> Callable[[Path, int], list[tuple[int, str, dict[str, Any]]]]:
    """Writes the arrays of one epoch and returns the two events that report them."""

    def write(folder: Path, epoch: int) -> list[tuple[int, str, dict[str, Any]]]:
        rng = np.random.default_rng(epoch)
        (folder / "figs").mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / f"figs/samples_{epoch}.npz",
            real=rng.lognormal(size=(4, 8, 8)).astype(np.float32),
            generated=rng.lognormal(size=(4, 3, 8, 8)).astype(np.float32),
            theta=rng.random((4, 6)),
            unit=np.array("(M☉/h)/(Mpc/h)²"),
            box_size=np.float64(16.0),
        )
        np.savez(
            folder / f"figs/power_{epoch}.npz",
            k=np.arange(1.0, 5.0),
            n_modes=np.array([8, 12, 16, 32]),
            real=rng.random((4, 4)),
            generated=rng.random((4, 3, 4)),
            unit=np.array("(Mpc/h)²"),
            box_size=np.float64(16.0),
        )
        common = {"epoch": epoch, "step": 4 * epoch}
        samples = {"name": "samples", "path": "figs/s.png", "arrays": f"figs/samples_{epoch}.npz"}
        power = {"name": "power_spectrum", "path": "figs/p.png", "arrays": f"figs/power_{epoch}.npz"}
        ratios = {"power_error": 0.25 / epoch, "power_ratio": [1.25], "bands": [[2, 4]]}
        return [(1, "figure", common | samples), (1, "figure", common | power | ratios)]

    return write
