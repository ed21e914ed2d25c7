"""A small realistic record: one finished run from a made-up journal, a queued, a failed one, a draft, one sample."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import numpy as np
from sqlalchemy import update

from focus_core.catalogue.measured.pdf import PDF, measure
from focus_core.config.experiment import ExperimentConfig, parse_config
from focus_core.parameters import WCDM6
from focus_core.progress import Journal
from focus_store.contracts import SampleMeasurement, SampleSpec, Status, WorkerRow
from focus_store.database.tables import Dataset, Experiment
from focus_store.journal.drawings import shared_range, store_tiles
from focus_store.record.record import Record

GRID, BOX, SIMULATIONS, MAPS, EPOCHS, STEPS = 16, 16.0, 12, 3, 3, 4
ROWS = [9, 10, 11, 9]
K = 2.0 * np.pi / BOX * np.arange(1, GRID // 2 + 1)
SECOND = """
experiment: {name: Second one}
data: {dataset: quick, train_split: 0.75}
model: {base_channels: 16}
training: {num_epochs: 3, seed: 1, batch_size: 8}
"""


@dataclasses.dataclass(frozen=True)
class SmallLaboratory:
    home: Path
    record: Record
    finished: str
    queued: str
    failed: str
    draft: str
    sample: str


def configuration(name: str, seed: int = 0, epochs: int = EPOCHS) -> ExperimentConfig:
    text = f"experiment: {{name: {name}}}\ndata: {{dataset: quick, train_split: 0.75}}\n"
    text += f"model: {{base_channels: 8}}\ntraining: {{num_epochs: {epochs}, seed: {seed}, batch_size: 4}}\n"
    return parse_config(text)


def write_recipes(folder: Path) -> None:
    """Two small recipes in the form of tasks/."""
    for key, channels in (("quickstart", 8), ("experiment_02", 64)):
        (folder / key).mkdir(parents=True)
        text = f"# what the recipe is for\nexperiment:\n  name: {key}\n  created: 2025-11-02\n"
        text += "data:\n  dataset: quick  # a CMD pair would do\n"
        text += f"model:\n  base_channels: {channels}\ntraining:\n  batch_size: 32\n  lr: 1.0e-4\n  num_epochs: 5\n"
        (folder / key / "config.yaml").write_text(text, encoding="utf-8")


def fill(record: Record) -> SmallLaboratory:
    """Fill an empty record."""
    register_quick(record)
    finished = record.experiments.create(configuration("Finished one", seed=1), tags=["baseline"])
    write_run(record, finished)
    move(record, finished, Status.SUCCEEDED)
    failed = record.experiments.create(configuration("Failed one", seed=2))
    move(record, failed, Status.FAILED, "The loss is not finite at step 12: lower training.lr.")
    draft = record.experiments.create(configuration("A draft", seed=3), draft=True)
    queued = record.experiments.create(configuration("Queued one", seed=4))
    beat(record)
    return SmallLaboratory(record.settings.home, record, finished, queued, failed, draft, draw_sample(record, finished))


def beat(record: Record) -> None:
    """Heartbeats of its two workers."""
    record.workers.beat(WorkerRow("train-1", "here", "train", 1, "cpu", 0.0, None))
    record.workers.beat(WorkerRow("sample-1", "here", "sample", 2, "cpu", 0.0, None))


def copy_filled(filled: SmallLaboratory, record: Record) -> SmallLaboratory:
    """`record` is in a copy of the home of `filled`; its dataset is there too, and its workers are live."""
    with record.database.writing() as session:
        session.execute(update(Dataset).values(path=str(record.settings.datasets / "quick")))
    beat(record)
    return dataclasses.replace(filled, home=record.settings.home, record=record)


def register_quick(record: Record, name: str = "quick") -> None:
    record.datasets.register(
        {
            "name": name,
            "path": str(record.settings.datasets / name),
            "digest": "d" * 64,
            "n_maps": SIMULATIONS * MAPS,
            "n_simulations": SIMULATIONS,
            "grid": GRID,
            "box_size": BOX,
            "unit": "(M☉/h)/(Mpc/h)²",
            "parameter_space": WCDM6.to_dict(),
        }
    )


def move(record: Record, experiment: str, status: Status, message: str | None = None) -> None:
    """Put a run into the state in which a worker would have left it, without one."""
    with record.database.writing() as session:
        values = {"status": status, "message": message, "change": Experiment.change + 1}
        session.execute(update(Experiment).where(Experiment.id == experiment).values(**values))


def theta() -> np.ndarray:
    generator = np.random.default_rng(3)
    columns = [generator.uniform(p.minimum, p.maximum, SIMULATIONS) for p in WCDM6.parameters]
    return np.stack(columns, axis=1)


def add_second(record: Record) -> str:
    """A finished run with larger batches, whose P(k) is 30 % too high."""
    second = record.experiments.create(parse_config(SECOND), tags=["larger"])
    write_run(record, second, excess=1.3)
    move(record, second, Status.SUCCEEDED)
    return second


def add_stranger(record: Record) -> str:
    """A finished run whose dataset has another name and twice the power in every simulation."""
    stranger = record.experiments.create(parse_config(SECOND.replace("Second", "Stranger").replace("quick", "other")))
    write_run(record, stranger, dataset="other", amplitude=20.0)
    move(record, stranger, Status.SUCCEEDED)
    return stranger


def write_run(
    record: Record,
    experiment: str,
    *,
    excess: float = 1.1,
    amplitude: float = 10.0,
    dataset: str = "quick",
    validation: tuple[int, ...] = (9, 10, 11),
) -> None:
    """A run folder as the trainer leaves it, journal and arrays, ingested by the record's own reader.

    P(k) of the simulations is `amplitude`/k², of the generated maps `excess` times that.
    """
    folder = record.settings.run_folder(experiment)
    (folder / "figs").mkdir(parents=True)
    common = {"theta": theta(), "names": np.array(WCDM6.names), "k": K, "box_size": np.float64(BOX)}
    power = np.tile(amplitude / K**2, (SIMULATIONS, 1))
    found = measure(np.exp(np.random.default_rng(5).normal(27.0, 0.5, (SIMULATIONS, GRID, GRID))), BOX)
    pdf = {**PDF.coordinates(found), PDF.mean: found.values, PDF.std: 0.3 * found.values}
    split = np.zeros(SIMULATIONS, dtype=np.int8)
    split[list(validation)] = 1
    np.savez(
        folder / "truth.npz", split=split, n_modes=np.full(len(K), 12.0), power_mean=power, power_std=0.3 * power,
        maps_per_simulation=np.int64(MAPS), grid=np.int64(GRID), unit=np.array("(Mpc/h)²"),
        density_unit=np.array("1/dex"), **pdf, **common,
    )  # fmt: skip
    facts = {"parameter_space": WCDM6.to_dict(), "box_size": BOX, "grid": GRID, "unit": "(M☉/h)/(Mpc/h)²"}
    environment = {"torch": "2.13.0", "dataset": {"digest": f"sha256:{dataset}", **facts}}
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    with Journal(folder) as journal:
        journal.write(
            "run_started", epoch=0, step=0, num_epochs=EPOCHS, steps_per_epoch=STEPS, parameters=700_000, device="cpu",
            config_digest="x", resumed=False, train_maps=27, validation_maps=9, torch="2.13.0", peak_memory_estimate=1,
        )  # fmt: skip
        for epoch in range(1, EPOCHS + 1):
            write_epoch(journal, folder, epoch, excess, amplitude)
    (folder / "logs" / "training.log").write_text("first line\nlast line\n", encoding="utf-8")
    record.journal.ingest(experiment, folder)


def write_epoch(journal: Journal, folder: Path, epoch: int, excess: float = 1.1, amplitude: float = 10.0) -> None:
    for step in range((epoch - 1) * STEPS + 1, epoch * STEPS + 1):
        journal.write("step", step=step, epoch=step / STEPS, loss=1.0 / step, lr=1e-4, grad_norm=1.0)
    loss, step = 0.5 / epoch, epoch * STEPS
    journal.write(
        "epoch", epoch=epoch, step=step, train_loss=0.9 * loss, val_loss=loss, lr=1e-4, seconds=2.0,
        images_per_second=13.5, peak_memory_bytes=200_000_000, elapsed=2.0 * epoch, best=True,
        step_ms_p50=250.0 + epoch, step_ms_p90=300.0, step_ms_p99=1400.0, data_wait_share=0.0125,
        flops_per_step=5.0e10, peak_share=0.54,
    )  # fmt: skip
    generator = np.random.default_rng(epoch)
    maps = np.exp(generator.normal(27.0, 0.5, (4, 3, GRID, GRID))).astype(np.float32)
    mean = np.tile(amplitude / K**2, (4, 1))
    shared = {"theta": theta()[ROWS], "box_size": np.float64(BOX), "epoch": np.int64(epoch)}
    np.savez(folder / f"figs/samples_epoch_{epoch:04d}.npz", real=maps[:, 0], generated=maps, **shared)
    np.savez(
        folder / f"figs/power_spectrum_epoch_{epoch:04d}.npz", k=K, real=mean,
        generated=excess * mean[:, None].repeat(3, 1),
        simulation_mean=mean, simulation_std=0.3 * mean, n_simulation_maps=np.int64(MAPS),
        n_modes=np.full(len(K), 12.0), unit=np.array("(Mpc/h)²"), **shared,
    )  # fmt: skip
    _write_pdf(folder, epoch, maps, shared)
    for name in ("samples", "power_spectrum", "pdf"):
        path = f"figs/{name}_epoch_{epoch:04d}"
        journal.write(
            "figure",
            epoch=epoch,
            step=step,
            name=name,
            path=path + ".png",
            arrays=path + ".npz",
            **({"power_error": excess - 1} if name != "pdf" else {"pdf_distance": 0.02, "pdf_uncertainty": 0.01}),
        )
    for role in ("best", "last"):
        sha256 = hashlib.sha256(f"{role}{epoch}".encode()).hexdigest()
        path = f"checkpoints/checkpoint_{role}.pt"
        journal.write("checkpoint", epoch=epoch, step=step, role=role, path=path, bytes=9, sha256=sha256, val_loss=loss)


def _write_pdf(folder: Path, epoch: int, maps: np.ndarray, shared: dict[str, np.ndarray]) -> None:
    """One-point distributions of an epoch's maps, with those of its true ones."""
    found = measure(maps.reshape(-1, GRID, GRID), BOX)
    generated = found.values.reshape(4, 3, -1)
    real = generated[:, 0]
    np.savez(
        folder / f"figs/pdf_epoch_{epoch:04d}.npz", **PDF.coordinates(found), real=real, generated=generated,
        simulation_mean=real, simulation_std=0.3 * real, n_simulation_maps=np.int64(MAPS), unit=np.array("1/dex"),
        **shared,
    )  # fmt: skip


def draw_sample(record: Record, experiment: str) -> str:
    spec = SampleSpec(experiment, (0.3, 0.05, 0.7, 1.0, 1.02, -1.0), n=4, seed=7)
    sample = record.samples.request(spec)
    claim = record.leases.claim_row("sample", sample, "sample-1")
    assert claim is not None
    maps = np.exp(np.random.default_rng(0).normal(27.0, 0.5, (4, GRID, GRID))).astype(np.float32)
    content = io.BytesIO()
    np.savez(content, maps=maps, params=spec.theta)
    shown, folder = shared_range(maps), record.artifacts
    power, pdf = np.tile(12.0 / K**2, (4, 1)), measure(maps, BOX)
    of_box = {"box_size": np.array(BOX), "grid": np.array(GRID)}
    assert record.samples.finish(
        claim,
        checkpoint_sha256=next(c.sha256 for c in record.experiments.get(experiment).checkpoints if c.role == "best"),
        result=folder.put(content.getvalue(), ".npz"),
        tiles=store_tiles(maps, shown, folder),
        value_range=shown,
        measured={
            "power_spectrum": SampleMeasurement(
                {"k": K, "generated": power, "n_modes": np.full(len(K), 12.0), **of_box, "unit": np.array("(Mpc/h)²")}
            ),
            "pdf": SampleMeasurement(
                {**PDF.coordinates(pdf), "generated": pdf.values, **of_box, "unit": np.array("1/dex")}
            ),
        },
        seconds=1.5,
    )
    return sample
