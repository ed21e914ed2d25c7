"""Which transform makes the better maps? Equal steps of training for each, judged by simulations that no run has seen.

    focus simulate --out FURTHER --simulations 128 --seed 1000
    python benchmarks/transforms.py --further FURTHER --out FOLDER [--epochs 30] --case NAME:KEY=VALUE,KEY=VALUE …

Every case is `tasks/quickstart/config.yaml` with keys replaced, for example

    --case "λ = 0.1:data.transform.name=boxcox,data.transform.lambda=0.1"

Cases are trained one after the other for the same number of epochs, and so of steps; a run that is there already is
resumed, and one that has ended is only judged. Then each draws, with its own sampler, as many maps as a simulation has
at the θ of `--simulations` of the further ones, and `focus evaluate`'s statistics hold them against all of these: ratio
of mean P(k) and of its scatter between maps by band, of the percentiles of Σ far in the tail, and the
Kolmogorov–Smirnov distance of log10 Σ. Errors are those of the evaluation: generated simulations drawn again; the floor
is by how much a perfect emulator would miss the ideal.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from measuring import machine
from quickstart_study import parse_case

from focus_core.config.experiment import ExperimentConfig, load_config, validate_config
from focus_core.errors import UserError
from focus_core.evaluation.evaluating import Result, evaluate
from focus_core.evaluation.inputs import reference_of
from focus_core.evaluation.report import make_ground
from focus_core.evaluation.subjects import RunRequest, drawn_subject
from focus_core.paths import focus_home
from focus_core.progress import read_events
from focus_core.run_files import CONFIG, JOURNAL
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

_STATISTICS = ("power_mean", "power_scatter", "pdf")
_TITLES = {"power_mean": "P(k)", "power_scatter": "σ_P", "pdf": ""}


@dataclass(frozen=True)
class Row:
    """The scores of one case: of each number its value, its error and its floor, by the title of its line."""

    name: str
    numbers: dict[str, tuple[float, float, float]]
    epochs: int
    steps: int
    train_seconds: float
    draw_seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--further", type=Path, required=True, help="simulations that no case is trained on")
    parser.add_argument("--case", action="append", default=[], metavar="NAME:KEY=VALUE,…")
    parser.add_argument("--again", type=Path, metavar="RUN", action="append", default=[], help="judge a trained run")
    parser.add_argument("--epochs", type=int, default=30, help="of every case (default 30, the quickstart's)")
    parser.add_argument("--simulations", type=int, default=128, help="θ at which maps are drawn (default 128)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of scores.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    try:
        trained = (_trained(*parse_case(text), arguments.epochs, arguments.out) for text in arguments.case)
        for run in itertools.chain(arguments.again, trained):
            rows.append(scored(run, arguments.further, arguments.simulations))
            with (arguments.out / "scores.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(rows[-1])) + "\n")
    except UserError as error:
        print(f"benchmarks/transforms.py: {error}", file=sys.stderr)
        return 2
    print(table(rows))
    print(machine())
    return 0


def _trained(name: str, config: ExperimentConfig, epochs: int, out: Path) -> Path:
    plain = config.to_dict()
    plain["training"] |= {"num_epochs": epochs, "sample_every": epochs}
    run = out / name.replace(" ", "").replace("=", "")
    run_training(validate_config(plain), run, focus_home(), StopSwitch())
    return run


def scored(run: Path, further: Path, simulations: int) -> Row:
    began = time.monotonic()
    results = judged(run, further, simulations)
    epochs = [event for event, _ in read_events(run / JOURNAL) if event["kind"] == "epoch"]
    return Row(
        load_config(run / CONFIG).experiment.name,
        numbers_of(results),
        epochs[-1]["epoch"],
        epochs[-1]["step"],
        sum(event["seconds"] for event in epochs),
        time.monotonic() - began,
    )


def judged(run: Path, further: Path, simulations: int) -> list[Result]:
    """The maps are kept with the run, so that a second call draws none."""
    folder = run / "further"
    folder.mkdir(exist_ok=True)
    request = RunRequest(run, dataset=str(further), split="all", most=simulations, device="cpu")
    subject, dataset = drawn_subject(request, folder, lambda done, total, maps: None)
    if subject.maps is None:
        raise UserError(subject.reason)
    reference = reference_of(dataset, subject.maps.theta)
    ground = make_ground(subject, subject.maps, dataset, reference, lambda what: None)
    return evaluate(ground, _STATISTICS, with_rivals=False)


def numbers_of(results: Sequence[Result]) -> dict[str, tuple[float, float, float]]:
    """For every entry in the table; with few simulations not every statistic can be measured."""
    found = {}
    for result in results:
        if result.outcome is None:
            print(f"{result.statistic.name}: {result.judgement.reason}", file=sys.stderr)
            continue
        for entry in result.outcome.entries:
            judged = entry.judgement
            if judged.value is not None and judged.error is not None:
                title = f"{_TITLES[result.statistic.name]} {entry.label}".strip()
                found[title] = (judged.value, judged.error, judged.floor or 0.0)
    return found


def table(rows: Sequence[Row]) -> str:
    """One column for each case, and the floor, which is that of the simulations."""
    lines = ["| | " + " | ".join([*(row.name for row in rows), "floor"]) + " |", "|---" * (len(rows) + 2) + "|"]
    for title in dict.fromkeys(title for row in rows for title in row.numbers):
        found = [row.numbers.get(title) for row in rows]
        cells = ["" if each is None else f"{each[0]:.3f} ± {each[1]:.3f}" for each in found]
        cells.append(next(f"± {each[2]:.3f}" for each in found if each is not None))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append("| steps | " + " | ".join(f"{row.steps:,}" for row in rows) + " | |")
    lines.append("| seconds of training | " + " | ".join(f"{row.train_seconds:,.0f}" for row in rows) + " | |")
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    sys.exit(main())
