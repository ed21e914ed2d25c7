"""A run that `focus train` made alone, as under Slurm, beside its twin that a worker trained: the same points."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stacks import ON_FILES

from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.training.checkpoint import load_checkpoint
from focus_store.contracts import JobStatus, SampleSpec, Status
from focus_store.journal.points import Point, points, points_digest
from focus_store.moving.export_tables import write_parquet
from focus_store.moving.exports import export_run
from focus_store.moving.imports import Change, import_run
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.jobs.sampling import answer

CLOCKS = {
    *("seconds", "elapsed", "images_per_second", "peak_memory_bytes", "data_wait_share", "peak_share"),
    *("step_ms_p50", "step_ms_p90", "step_ms_p99"),
}


def measured(record: Any, experiment_id: str) -> list[Point]:
    """Every point but what a clock told."""
    with record.database.reading() as session:
        return [point for point in points(session, experiment_id) if point.key not in CLOCKS]


@ON_FILES
def test_a_folder_of_focus_train_equals_what_a_worker_trained_and_survives_an_export(
    laboratory: Any, tiny_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    record, config = laboratory.record, tiny_config(num_epochs=2, sample_every=1)
    twin = record.experiments.create(config)
    laboratory.worker(TRAIN)
    folder = tmp_path / "scratch" / "run"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(config))
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(folder / "config.yaml")]
    subprocess.run([*command, "--exp-dir", str(folder)], env=laboratory.environment, check=True, capture_output=True)

    done = import_run(record, folder)
    assert (done.change, done.status, done.figures, done.warnings) == (Change.NEW, Status.SUCCEEDED, 2, ())
    laboratory.await_condition(lambda: laboratory.summary(twin).status is Status.SUCCEEDED, "the worker's training")
    theirs, ours = (measured(record, run) for run in (done.id, twin))
    assert len(theirs) == 12 * 3 + 2 * (3 + 2), "three values per step; per epoch two losses, the work, two statistics"
    assert theirs == ours, "to the last bit: the same seed, wherever it ran"
    imported, worked = (record.experiments.get(run) for run in (done.id, twin))
    assert imported.config_digest == worked.config_digest
    assert imported.environment["dataset"]["digest"] == worked.environment["dataset"]["digest"]
    assert imported.truth_arrays == worked.truth_arrays
    assert record.figures.at(done.id, 2).generated_tiles == record.figures.at(twin, 2).generated_tiles

    # Its checkpoint is there to draw maps from.
    best = load_checkpoint(laboratory.settings.run_folder(done.id) / "checkpoints" / "checkpoint_best.pt")
    assert best["config"] == config.to_dict()
    request = record.samples.request(SampleSpec(done.id, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=1, seed=5, steps=2))
    claim = record.leases.claim(SAMPLE, "test:1")
    answer(record, claim, lambda: False)
    found = record.samples.get(request)
    assert found.status is JobStatus.SUCCEEDED, found.message
    truth = found.measured["power_spectrum"].truth
    assert truth is not None
    assert "too few" in truth["reason"], "what its P(k) is held against, or why there is no truth at its θ"

    # Out of this record and into an empty one.
    out = export_run(record, twin, tmp_path / "out", write_parquet)
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path / "another home")})
    migrate(settings.database_url)
    empty = open_record(settings)
    back = import_run(empty, out.folder)
    with record.database.reading() as session:
        assert back.digest == out.digest == points_digest(session, twin)
    assert back.figures == 2
    empty.close()
