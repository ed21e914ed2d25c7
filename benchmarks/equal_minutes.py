"""Quality for cost: what do equal minutes on equal cores buy with FOCUS's recipes and with two other libraries?

    python benchmarks/equal_minutes.py --minutes 10 --threads 2 --out FOLDER --case quickstart --case baseline \\
        --case diffusers --case flow_matching [--rivals]

Cases: `quickstart` is tasks/quickstart/config.yaml; `baseline` the baseline's method and network (ε, linear β,
SimpleUNet) at its size; `diffusers` and `flow_matching` those libraries' own examples told θ (benchmarks/libraries.py).
All learn the same maps of the quick suite in the same transform, batches, augmentation and learning rate. The libraries
stop by the clock, their rate's schedule complete; of FOCUS's cases three epochs are trained first, and as many as fit
are then trained anew, validation and checkpoints counted, the figures after the last epoch not. The table gives the
seconds that each case took.

Each case leaves one file, FOLDER/NAME.pt. To train side by side, or elsewhere, and to score in the end:

    taskset -c 0,1 python benchmarks/equal_minutes.py --minutes 10 --threads 2 --out A --case quickstart --train-only &
    taskset -c 2,3 python benchmarks/equal_minutes.py --minutes 10 --threads 2 --out A --case diffusers --train-only &
    wait; python benchmarks/equal_minutes.py --score A --rivals --out A

Scores are those of benchmarks/quickstart_study.py. Nothing needs a network; FOCUS_HOME holds datasets/quick.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from libraries import EXAMPLES, Example, learn_for
from measuring import machine
from numpy.typing import NDArray
from quickstart_study import Score, Study, parse_case, write_scores

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.diffusion.noise import MapNoise, map_seed
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.networks.building import parameter_count
from focus_core.run_files import BEST, LAST
from focus_core.sampling.from_run import chosen_sampler, load_run, sample_maps
from focus_core.training.batches import TrainingMaps
from focus_core.training.checkpoint import load_checkpoint
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

# As in --case of benchmarks/quickstart_study.py. Other settings are the quickstart's, including the learning rate.
RECIPES = {
    "quickstart": "",
    "baseline": "method=diffusion,model.from=SimpleUNet,model.base_channels=16,model.channel_mults=1-2-2-4-4,"
    "sampling.method=ddim",
}
# How maps of a recipe are drawn: sampler, steps, and its name in the table.
RECIPE_SAMPLINGS = {
    "quickstart": [("heun", 8, "Heun, 8 steps")],
    "baseline": [("ddpm", 1000, "DDPM, 1000 steps"), ("ddim", 50, "DDIM, 50 steps")],
}

# Epochs trained to time one: the last is used, since the first two import, allocate and tune.
_TRIAL_EPOCHS = 3
# Maps per batch when a library draws: FOCUS's own number at 64².
_BATCH = 32
# Parts of a checkpoint that are not needed for drawing maps.
_NOT_KEPT = ("model", "optimizer", "scheduler", "rng")


@dataclass(frozen=True)
class Trained:
    """A case's file. `state` is FOCUS's checkpoint without what only training needs, or a library's averaged weights;
    `loss` FOCUS's validation loss of these weights, or the library's training loss of its last epoch."""

    case: str
    minutes: float
    seconds: float
    epochs: float
    steps: int
    parameters: int
    loss: float
    dataset_digest: str
    machine: str
    state: dict[str, Any]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / f"{self.case}.pt") as file:
            torch.save(asdict(self), file)

    @classmethod
    def load(cls, path: Path) -> Trained:
        try:
            return cls(**torch.load(path, weights_only=True))
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
        except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(f"{path}: is not a case that this script has trained.") from error


class Artist(Protocol):
    """Draws maps with the trained weights of a case."""

    @property
    def samplings(self) -> Mapping[str, int]:
        """Names of its samplers, and their network evaluations per map."""

    def draw(self, sampling: str, theta: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
        """A physical map (N, N) for every row of θ (n, d)."""


def main() -> int:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    try:
        study = Study(arguments.maps, arguments.seed)
        for case in arguments.case:
            trained = train(study, case, arguments.minutes, arguments.epochs)
            trained.save(arguments.out)
            print(_account(trained), file=sys.stderr)
        if not arguments.train_only:
            files = _files(arguments.score) or [arguments.out / f"{case}.pt" for case in arguments.case]
            print(_scored(study, files, arguments))
    except UserError as error:
        print(f"benchmarks/equal_minutes.py: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", default=[], choices=[*RECIPES, *EXAMPLES], help="to train")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, by the clock")
    parser.add_argument("--epochs", type=int, help="of FOCUS's cases, in the place of a trial")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--train-only", action="store_true", help="write the cases' files and end")
    parser.add_argument("--score", type=Path, nargs="+", default=[], help="files of cases, or folders that hold them")
    parser.add_argument("--maps", type=int, default=4, help="maps at each held-out θ (default 4)")
    parser.add_argument("--most-evaluations", type=int, help="leave out samplers with more a map")
    parser.add_argument("--rivals", action="store_true", help="add lognormal maps, the copula and the floor")
    parser.add_argument("--seed", type=int, default=0, help="of the maps that are drawn")
    parser.add_argument("--out", type=Path, required=True, help="folder for the cases' files and scores.jsonl")
    return parser.parse_args()


def train(study: Study, case: str, minutes: float, epochs: int | None) -> Trained:
    if case in RECIPES:
        return _train_recipe(study, case, minutes, epochs)
    return _train_example(study, case, minutes)


def _train_recipe(study: Study, case: str, minutes: float, epochs: int | None) -> Trained:
    config = _recipe(case)
    epochs = epochs or max(1, round(60.0 * minutes / _epoch_seconds(study, config)))
    with TemporaryDirectory() as folder:
        run = Path(folder)
        run_training(_for_epochs(config, epochs), run, study.home, StopSwitch())
        best, history = load_checkpoint(run / BEST), load_checkpoint(run / LAST)["history"]
        return Trained(
            case=case,
            minutes=minutes,
            seconds=history[-1]["elapsed"],
            epochs=float(epochs),
            steps=history[-1]["step"],
            parameters=sum(tensor.numel() for tensor in best["model"].values()),
            loss=best["val_loss"],
            dataset_digest=study.dataset.digest,
            machine=machine(),
            # Cloned, since they are mapped from a file that is removed now.
            state={name: _cloned(part) for name, part in best.items() if name not in _NOT_KEPT},
        )


def _recipe(case: str) -> ExperimentConfig:
    plain = parse_case(f"{case}:{RECIPES[case]}")[1].to_dict()
    return validate_config(plain | {"device": "cpu"})  # cores are compared, whatever other devices the machine has


def _for_epochs(config: ExperimentConfig, epochs: int) -> ExperimentConfig:
    plain = config.to_dict()
    plain["training"] |= {"num_epochs": epochs, "sample_every": epochs}
    return validate_config(plain)


def _epoch_seconds(study: Study, config: ExperimentConfig) -> float:
    """Duration of an epoch in a training run: its steps, its validation and its checkpoint."""
    with TemporaryDirectory() as folder:
        run_training(_for_epochs(config, _TRIAL_EPOCHS), Path(folder), study.home, StopSwitch())
        *_, before, last = load_checkpoint(Path(folder) / LAST)["history"]
    return float(last["elapsed"] - before["elapsed"])


def _cloned(part: Any) -> Any:
    """A checkpoint's part with its own copies of tensors."""
    if isinstance(part, torch.Tensor):
        return part.clone()
    return {name: _cloned(value) for name, value in part.items()} if isinstance(part, dict) else part


def _train_example(study: Study, case: str, minutes: float) -> Trained:
    config = _recipe("quickstart")
    maps = TrainingMaps(study.dataset, study.transform, study.split.train, config)
    torch.manual_seed(config.training.seed)
    example = EXAMPLES[case](len(study.dataset.space))
    parameters = parameter_count(example.network)  # the trainable ones: after training none are
    learned = learn_for(example, maps, config.training, 60.0 * minutes)
    return Trained(
        case=case,
        minutes=minutes,
        seconds=learned.seconds,
        epochs=learned.steps / maps.steps_per_epoch,
        steps=learned.steps,
        parameters=parameters,
        loss=learned.loss,
        dataset_digest=study.dataset.digest,
        machine=machine(),
        state=dict(example.network.state_dict()),
    )


class RecipeArtist:
    """A run of FOCUS."""

    def __init__(self, trained: Trained) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / BEST
            path.parent.mkdir()
            # A checkpoint also has raw weights; only the averaged ones were kept, and only they are used for sampling.
            torch.save({"model": {}} | trained.state, path)
            self._run = load_run(folder, device="cpu")
        self._ways = {name: (sampler, steps) for sampler, steps, name in RECIPE_SAMPLINGS[trained.case]}

    @property
    def samplings(self) -> Mapping[str, int]:
        method = self._run.model.method
        return {name: method.evaluations(chosen_sampler(self._run, *way)) for name, way in self._ways.items()}

    def draw(self, sampling: str, theta: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
        sampler, steps = self._ways[sampling]
        return sample_maps(self._run, theta, len(theta), seed, sampler, steps, guidance=1.0)


class ExampleArtist:
    """A library's network; the initial noise of its maps is that of FOCUS's maps."""

    def __init__(self, trained: Trained, study: Study) -> None:
        self._study = study
        self._example: Example = EXAMPLES[trained.case](len(study.dataset.space))
        self._example.network.load_state_dict(trained.state)
        self._example.network.eval().requires_grad_(False)

    @property
    def samplings(self) -> Mapping[str, int]:
        return self._example.samplings

    def draw(self, sampling: str, theta: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
        dataset, transform = self._study.dataset, self._study.transform
        condition = torch.from_numpy(dataset.space.to_unit(theta).astype(np.float32))
        reach, generator = max(abs(end) for end in transform.clamp_range), torch.Generator().manual_seed(seed)
        drawn = []
        for first in range(0, len(theta), _BATCH):
            rows = condition[first : first + _BATCH]
            seeds = [map_seed(seed, first + i) for i in range(len(rows))]
            noise = MapNoise(seeds, (1, dataset.grid, dataset.grid)).draw()
            drawn.append(self._example.draw(sampling, noise, rows, reach, generator)[:, 0])
        return transform.inverse(torch.cat(drawn).numpy())


def _scored(study: Study, files: list[Path], arguments: argparse.Namespace) -> str:
    """The table, and above it how each case was trained."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = study.rivals() if arguments.rivals else []
    write_scores(arguments.out, rows)
    accounts = []
    for path in files:
        trained = Trained.load(path)
        if trained.dataset_digest != study.dataset.digest:
            raise UserError(f"{path}: was trained on other maps than those of {study.dataset.maps_file}.")
        accounts.append(_account(trained))
        for row in score(study, trained, arguments.most_evaluations):
            rows.append(row)
            write_scores(arguments.out, [row])
    return "\n".join([*accounts, "", study.table(rows)])


def score(study: Study, trained: Trained, most_evaluations: int | None = None) -> Iterator[Score]:
    """One row for each of the case's samplers."""
    artist: Artist = RecipeArtist(trained) if trained.case in RECIPES else ExampleArtist(trained, study)
    theta = np.repeat(study.theta, study.each, axis=0)
    for sampling, evaluations in artist.samplings.items():
        if most_evaluations is not None and evaluations > most_evaluations:
            continue
        print(f"drawing: {trained.case}, {sampling}", file=sys.stderr)
        began = time.monotonic()
        maps = artist.draw(sampling, theta, study.seed)
        yield study.score(
            f"{trained.case}, {sampling}",
            maps,
            parameters=trained.parameters,
            epochs=round(trained.epochs),
            train_seconds=trained.seconds,
            evaluations=evaluations,
            sample_seconds=time.monotonic() - began,
            val_loss=trained.loss,
            settings=f"{trained.minutes:g} minutes on {trained.machine}",
        )


def _files(places: list[Path]) -> list[Path]:
    """The cases' files among files and folders, in the order of the table."""
    files = [file for place in places for file in (sorted(place.rglob("*.pt")) if place.is_dir() else [place])]
    if places and not files:
        raise UserError(f"--score {' '.join(map(str, places))}: there is no case's file (NAME.pt) here.")
    order = [*RECIPES, *EXAMPLES]
    return sorted(files, key=lambda file: order.index(file.stem) if file.stem in order else len(order))


def _account(trained: Trained) -> str:
    return (
        f"{trained.case}: {trained.parameters:,} parameters, {trained.steps:,} steps ({trained.epochs:.1f} epochs) in "
        f"{trained.seconds:.1f} s of {60 * trained.minutes:g}, last loss {trained.loss:.4f}; {trained.machine}"
    )


if __name__ == "__main__":
    sys.exit(main())
