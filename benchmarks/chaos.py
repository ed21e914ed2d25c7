"""Does the record survive? Workers and trainers die at random moments, servers restart, messages are lost and doubled.

    python benchmarks/chaos.py [--stack sqlite|postgresql ...] [--kills 20] [--seed 0]

Several small training runs run on two training workers while a third process draws samples. SIGKILL hits workers, their
forked children, trainers and the sampler; between the kills come restarts of Redis and PostgreSQL (or, on SQLite, a
writer that holds the database), lost messages and doubled ones, a pause, a cancel. In the end every run must stand
where it should, the database must equal the journal point by point and attempt by attempt, the losses must be those of
a training run that nobody disturbed, and no process may be left. Prints a table; exit code 1 if anything is not right.
`chaos_exact.py` asks another question, without a laboratory: are a killed training's weights the same to the last bit?
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
from chaos_ground import Ground, make_reference
from chaos_training import tiny_config
from chaos_verdict import Verdict, judge
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from focus_core.errors import UserError
from focus_store.contracts import ACTIVE, DesiredState, JobStatus, SampleSpec, Status
from focus_store.queue import SAMPLE, TRAIN
from worker.laboratory.servers import POSTGRESQL, REDIS, PrivateServers
from worker.processes import family, is_gone

THETA = (0.3, 0.05, 0.7, 1.0, 0.8, -1.0)
PATIENCE_SECONDS = 900.0
ASK = "samples asked for"
TARGETS = ("worker", "worker", "forked child", "trainer", "trainer", "trainer", "sampler")
T = TypeVar("T")


class Storm:
    """One stack under attack. `counts` records what happened; everything random comes from `chance`."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.chance, self.counts = ground, random.Random(seed), Counter[str]()
        self.expected: dict[str, set[Status]] = {}
        self.samples: list[str] = []
        self._paused: str | None = None
        self._numbers = itertools.count()
        troubles = ["a run published four times", ASK, "messages lost"]
        troubles += ["Redis killed", "PostgreSQL killed"] if ground.servers else ["database held for 3 s"]
        self._troubles: Iterator[str] = itertools.cycle(troubles)

    def blow(self, kills: int) -> None:
        for name in range(3):
            self._new_run(publish=name != 1)
        self._new_run(dataset="nowhere")
        for number in range(kills):
            self._kill_something()
            if number % 2:
                self._trouble(next(self._troubles))
            if number == kills // 4:
                self._pause_one()
            if number == kills // 2:
                self._cancel_one()
            if number == 3 * kills // 4:
                self._resume_paused()
            if len(self._unfinished()) < 2:
                self._new_run(publish=bool(number % 3))
            self.ground.restart_dead_workers()
        self._resume_paused()
        self._trouble(ASK)

    def settle(self) -> None:
        """Wait until nothing is under way; the workers are kept alive meanwhile."""

        def settled() -> bool:
            self.ground.restart_dead_workers()
            asked = [self._ask(lambda i=sample: self.ground.record.samples.get(i).status) for sample in self.samples]
            return not self._unfinished() and not {JobStatus.QUEUED, JobStatus.RUNNING} & set(asked)

        self._await(settled, "every run and sample to end")

    # ---- kills -----------------------------------------------------------------------------------------------------

    def _kill_something(self) -> None:
        kind = self.chance.choice(TARGETS)
        if kind != "sampler" and self.chance.random() < 0.7:  # otherwise at any moment, perhaps during the start
            self._await(self._training, "a run that trains")
        target, moment = None, self.chance.uniform(0.0, 3.0)
        while target is None or not target.is_running():
            target = self._await(lambda: self._target(kind), f"a {kind} to kill")
            time.sleep(moment)
        self.ground.look_around()
        target.kill()
        self._await(lambda: is_gone(target), "the death of what was killed")
        self.counts[f"SIGKILL to a {kind}"] += 1
        print(f"  killed a {kind} (process {target.pid})", flush=True)
        self.ground.restart_dead_workers()

    def _training(self) -> bool:
        self._keep_busy()
        return any(self._ask(lambda i=run: self.ground.summary(i).status) is Status.RUNNING for run in self.expected)

    def _keep_busy(self) -> None:
        self.ground.restart_dead_workers()
        if not self._unfinished():
            self._new_run()

    def _target(self, kind: str) -> psutil.Process | None:
        self._keep_busy()
        lane = SAMPLE if kind == "sampler" else TRAIN
        workers = [psutil.Process(process.pid) for process in self.ground.alive(lane)]
        if kind in ("worker", "sampler"):
            return self.chance.choice(workers) if workers else None
        below = [p for worker in workers for p in family(worker.pid)[1:]]
        trainers = [p for p in below if "--exp-dir" in _words(p)]
        found = trainers if kind == "trainer" else [p for p in below if p not in trainers]
        return self.chance.choice(found) if found else None

    # ---- troubles --------------------------------------------------------------------------------------------------

    def _trouble(self, kind: str) -> None:
        if kind != ASK:
            self.counts[kind] += 1
        print(f"  {kind}", flush=True)
        if kind == "messages lost":
            self.ground.lose_messages()
        elif kind == ASK:
            self._ask_for_samples()
        elif kind == "a run published four times":
            self._new_run(times=4)
        elif kind == "database held for 3 s":
            with self.ground.record.database.writing() as session:
                session.execute(text("SELECT 1"))
                time.sleep(3.0)
        else:
            self._restart(REDIS if kind.startswith("Redis") else POSTGRESQL)

    def _restart(self, name: str) -> None:
        servers = self.ground.servers
        assert servers is not None
        process = servers.process(name)
        # PostgreSQL's SIGQUIT is a crash of all its processes; SIGKILL would leave some of them behind.
        process.send_signal(signal.SIGQUIT if name == POSTGRESQL else signal.SIGKILL)
        process.wait()
        time.sleep(self.chance.uniform(0.0, 4.0))
        servers.start_server(name)

    def _ask_for_samples(self) -> None:
        """For every run with a checkpoint; after the first epoch there is one."""
        self._await(lambda: any(self._epochs()) or self._keep_busy(), "a run with a checkpoint")
        for run in self.expected:
            try:
                spec = SampleSpec(run, THETA, n=1, seed=next(self._numbers), steps=2)
                self.samples.append(self._ask(lambda wanted=spec: self.ground.record.samples.request(wanted)))
            except UserError:
                continue  # no checkpoint yet
            self.counts["samples asked for"] += 1

    # ---- runs and wishes -------------------------------------------------------------------------------------------

    def _new_run(self, dataset: str = "tiny", *, publish: bool = True, times: int = 1) -> None:
        record, config = self.ground.record, tiny_config(dataset)
        publisher, send = record.queue.publisher, record.queue.publisher.publish
        if not publish:
            publisher.publish = lambda lane, row_id: False  # type: ignore[method-assign]
            self.counts["runs never published by who made them"] += 1
        try:
            run = self._ask(lambda: record.experiments.create(config))
        finally:
            publisher.publish = send  # type: ignore[method-assign]
        for _ in range(times - 1):
            publisher.publish(TRAIN, run)
        self.expected[run] = {Status.SUCCEEDED} if dataset == "tiny" else {Status.FAILED}

    def _pause_one(self) -> None:
        self._paused = self.chance.choice(self._unfinished())
        self._wish(self._paused, DesiredState.PAUSE)

    def _resume_paused(self) -> None:
        """In any state: paused, pausing or crashed on the way."""
        if self._paused is not None:
            self._ask(lambda run=self._paused: self.ground.record.experiments.resume(run))
            self._paused = None

    def _cancel_one(self) -> None:
        run = self.chance.choice([run for run in self._unfinished() if run != self._paused])
        self._wish(run, DesiredState.CANCEL)
        self.expected[run] |= {Status.CANCELLED}

    def _wish(self, run: str, wish: DesiredState) -> None:
        self.counts[f"wishes: {wish}"] += 1
        try:
            self._ask(lambda: self.ground.record.experiments.request(run, wish))
        except UserError as error:  # it ended a moment ago
            print(f"  {error}", flush=True)

    def _epochs(self) -> list[int]:
        return [self._ask(lambda i=run: self.ground.summary(i).epoch) for run in self.expected]

    def _unfinished(self) -> list[str]:
        going = {*ACTIVE, Status.QUEUED, Status.CRASHED}
        status = {run: self._ask(lambda i=run: self.ground.summary(i).status) for run in self.expected}
        return [run for run, found in status.items() if found in going]

    # ---- patience --------------------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[], T]) -> T:
        """The record's answer, requested again while PostgreSQL is away."""
        while True:
            try:
                return question()
            except OperationalError:
                time.sleep(0.2)

    def _await(self, condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (answer := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}\n{self.ground.last_words()}")
            self.ground.look_around()
            time.sleep(0.1)
        return answer


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def run_stack(stack: str, kills: int, seed: int, reference: Path) -> tuple[Counter[str], Verdict]:
    servers = None
    if stack == "postgresql":
        servers = PrivateServers()
        servers.start()
    folder = tempfile.TemporaryDirectory(prefix="focus-chaos-")
    ground = Ground(Path(folder.name), servers)
    storm = Storm(ground, seed)
    try:
        ground.start()
        storm.blow(kills)
        storm.settle()
        left = ground.end()
        verdict = judge(ground.record, storm.expected, storm.samples, reference)
        verdict.check(not left, f"{len(left)} processes are left: {left}")
        verdict.add("processes left", len(left))
    finally:
        ground.close()
        if servers is not None:
            servers.stop()
        folder.cleanup()
    return storm.counts, verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    logging.disable(logging.WARNING)  # unreachable servers are intended here
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="focus-chaos-") as folder:
        print("training the reference that nobody disturbs", flush=True)
        reference = make_reference(Path(folder))
        for stack in arguments.stack:
            began = time.monotonic()
            print(f"{stack}: {arguments.kills} kills, seed {arguments.seed}", flush=True)
            counts, verdict = run_stack(stack, arguments.kills, arguments.seed, reference)
            print(f"\n| {stack}, seed {arguments.seed} | |\n|---|---|")
            for name, count in [*sorted(counts.items()), *verdict.facts.items()]:
                print(f"| {name} | {count:,} |")
            print(f"| seconds | {time.monotonic() - began:.0f} |\n")
            for fault in verdict.faults:
                print(f"NOT RIGHT: {fault}")
            wrong += len(verdict.faults)
    print("everything is right" if not wrong else f"{wrong} things are not right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
