"""How accurately each sampler reproduces P(k) with how many network evaluations, at θ that a run was not trained on.

Every case draws the same maps: the same θ, and the same noise. A finished case is a line of `cases_….jsonl` in the
benchmark's folder, named by what the cases have in common, so that a benchmark that was stopped continues.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from focus_core.catalogue.samplers import SAMPLERS, noisy_title, samplers_of
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.noise import map_seed
from focus_core.errors import UserError
from focus_core.map_model import MapModel, draw_maps, maps_at_once
from focus_core.run_files import BENCHMARK_CASES
from focus_core.sampling.from_run import LoadedRun
from focus_core.statistics.held_out import HeldOut, RingMoments
from focus_core.statistics.truth import field_power

# The adaptive solver takes an accuracy, not a number of evaluations.
TOLERANCES = (1e-2, 1e-4)

# The keys of a finished case's line.
_OF_A_CASE = {"case", "evaluations", "seconds", "first", "second"}

# Work done and total, in network evaluations of one map, and the current case.
BenchmarkProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Case:
    """`evaluations` as the method counts them in advance; for the adaptive solver an assumed number."""

    sampler: Sampler
    evaluations: int

    @property
    def key(self) -> str:
        by = f"{self.sampler.tolerance:g}" if self.sampler.spec.chooses_steps else str(self.sampler.steps)
        return f"{self.sampler.method} {by}" + (f" eta {self.sampler.eta:g}" if self.line != self.title else "")

    @property
    def title(self) -> str:
        return self.sampler.spec.title

    @property
    def line(self) -> str:
        """The line of a figure that it belongs to."""
        return noisy_title(self.sampler.spec, self.sampler.eta)


@dataclass(frozen=True)
class Finished:
    """A case with its measurements: actual evaluations per map, seconds for all maps, moments of P(k)."""

    case: Case
    evaluations: float
    seconds: float
    moments: RingMoments


def make_cases(run: LoadedRun, evaluations: Sequence[int], only: Collection[str] | None = None) -> list[Case]:
    """Every sampler of the run's method at the steps that take at most so many evaluations; the cheapest first.

    One that takes every step of its schedule is included if the largest number allows it.
    """
    method, timesteps = run.config.method, run.config.diffusion.timesteps
    names = [name for name in samplers_of(method) if only is None or name in only]
    found: dict[str, Case] = {}
    for name in names:
        for chosen in _samplers(run, name, evaluations):
            case = Case(chosen, run.model.method.evaluations(chosen))
            if case.evaluations <= max(evaluations) and chosen.steps <= chosen.spec.most_steps(method, timesteps):
                found.setdefault(case.key, case)
    return sorted(found.values(), key=lambda case: (case.evaluations, names.index(case.sampler.method)))


def _samplers(run: LoadedRun, name: str, evaluations: Sequence[int]) -> Iterator[Sampler]:
    own, spec = Sampler.of(run.config.sampling, name), SAMPLERS[name]
    eta, spacing = own.eta, own.spacing
    if spec.chooses_steps:
        yield from (Sampler(name, own.steps, eta, spacing, tolerance) for tolerance in TOLERANCES)
    elif spec.every_time:
        yield Sampler(name, run.config.diffusion.timesteps, eta, spacing)
    else:
        # Fresh noise at every step corrects errors of earlier steps, as in DDPM; without it, nothing does.
        noises = (0.0, 1.0) if spec.noise_key else (eta,)
        for asked in evaluations:
            steps = spec.steps_within(run.config.method, asked)
            if steps >= 1:
                yield from (Sampler(name, steps, e, spacing) for e in noises)


class Cases:
    """The finished cases of one plan, in an append-only file."""

    def __init__(self, folder: Path, plan: dict[str, Any], n_maps: int) -> None:
        digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:12]
        self.path = folder / BENCHMARK_CASES.format(digest)
        self._n_maps, self._lines = n_maps, _whole_lines(self.path)
        if not self._lines:
            folder.mkdir(parents=True, exist_ok=True)
            self._append(plan)

    def finished(self, cases: Sequence[Case]) -> list[Finished]:
        """The finished ones among these cases, in their order."""
        lines = {line["case"]: line for line in self._lines if "case" in line}
        return [self._read(case, lines[case.key]) for case in cases if case.key in lines]

    def add(self, done: Finished) -> None:
        first, second = ([[_rounded(v) for v in row] for row in m] for m in (done.moments.first, done.moments.second))
        plain = {"case": done.case.key, "evaluations": done.evaluations, "seconds": round(done.seconds, 3)}
        self._append({**plain, "first": first, "second": second})

    def _read(self, case: Case, line: dict[str, Any]) -> Finished:
        moments = RingMoments(np.array(line["first"]), np.array(line["second"]), self._n_maps)
        return Finished(case, line["evaluations"], line["seconds"], moments)

    def _append(self, plain: dict[str, Any]) -> None:
        self._lines.append(plain)
        with self.path.open("ab", buffering=0) as file:
            file.write(json.dumps(plain).encode() + b"\n")


def run_benchmark(
    run: LoadedRun,
    truth: HeldOut,
    cases: Sequence[Case],
    folder: Path,
    n_maps: int,
    seed: int = 0,
    progress: BenchmarkProgress | None = None,
) -> Iterator[list[Finished]]:
    """Draw what is missing, `n_maps` maps at each θ; yields all finished cases at the start and after each.

    `progress` may raise StopRequested: the current case is then lost, the finished ones are not.
    """
    report = progress or (lambda done, total, name: None)
    store = Cases(folder, plan(run, truth, n_maps, seed), n_maps)
    finished = store.finished(cases)
    known = {done.case.key for done in finished}
    work = {case.key: case.evaluations * len(truth.theta) * n_maps for case in cases}
    total, before = sum(work.values()), sum(work[key] for key in known)
    yield finished
    for case in cases:
        if case.key in known:
            continue

        def tell(share: float, before: int = before, case: Case = case) -> None:
            report(before + round(share * work[case.key]), total, case.key)

        store.add(_measure(run, truth, case, n_maps, seed, tell))
        before += work[case.key]
        yield store.finished(cases)
    report(total, total, "")


def plan(run: LoadedRun, truth: HeldOut, n_maps: int, seed: int) -> dict[str, Any]:
    """What all cases of one file have in common; another checkpoint, for example, has another file."""
    of_truth = hashlib.sha256(np.ascontiguousarray(truth.theta).tobytes() + np.ascontiguousarray(truth.own.first).data)
    return {
        "checkpoint_sha256": run.checkpoint_sha256,
        "weights": run.weights,
        "truth": of_truth.hexdigest()[:16],
        "n_maps": n_maps,
        "seed": seed,
        "spacing": run.config.sampling.spacing,
        "device": run.model.device.type,
    }


def _measure(
    run: LoadedRun, truth: HeldOut, case: Case, n_maps: int, seed: int, tell: Callable[[float], None]
) -> Finished:
    rows = np.repeat(truth.theta, n_maps, axis=0)
    size, powers, began = maps_at_once(run.model), [], time.monotonic()
    with _counted(run.model) as count:
        for first in range(0, len(rows), size):
            theta = rows[first : first + size]
            seeds = [map_seed(seed, i) for i in range(first, first + len(theta))]

            def told(done: int, total: int, first: int = first, n: int = len(theta)) -> None:
                tell((first + n * done / total) / len(rows))

            maps = draw_maps(run.model, theta, seeds, case.sampler, progress=told)
            powers.append(field_power(maps, run.box_size, run.normalised, f"maps of {case.key}").power)
    power = np.concatenate(powers).reshape(len(truth.theta), n_maps, -1)
    return Finished(case, count[0] / len(rows), time.monotonic() - began, truth.moments(power))


@contextmanager
def _counted(model: MapModel) -> Iterator[list[int]]:
    """Evaluations of the network, counted map by map as they happen."""
    count = [0]

    def add(network: object, arguments: tuple[Any, ...], result: object) -> None:
        count[0] += len(arguments[0])

    hook = model.network.register_forward_hook(add)
    try:
        yield count
    finally:
        hook.remove()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Lines of a file that may end with an incomplete line, if its writer was killed: that line is removed."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
    except ValueError as error:
        raise UserError(f"{path}: has a line that is no JSON ({error}); delete the file to begin again.") from error
    for number, line in enumerate(lines[1:], start=2):  # the first is the plan
        if not isinstance(line, dict) or not line.keys() >= _OF_A_CASE:
            raise UserError(f"{path}, line {number}: is no finished case; delete the file to begin again.")
    return lines


def _rounded(value: np.floating[Any]) -> float:
    return float(f"{value:.7g}")


def reference_of(finished: Sequence[Finished]) -> Finished | None:
    """The reference of "as good as": the sampler of every time if present, otherwise the case with most evaluations."""
    whole = [done for done in finished if done.case.sampler.spec.every_time]
    return whole[0] if whole else max(finished, key=lambda done: done.evaluations, default=None)
