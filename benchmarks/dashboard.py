"""What the pages cost: server time of a live tick, of a list of 1,000 experiments, of an overlay; zoom; cached sample.

    .venv/bin/python benchmarks/dashboard.py --home EMPTY_FOLDER [--trained HOME/OF/A/QUICKSTART] [--ticks 100]

Fills a record of its own (SQLite, 1,000 experiments, 10⁷ points; kept for the next call), serves it without workers and
opens it in a headless Chromium. Server time is processor time of the serving process. With --trained, that
home (say) is served for the cached sample.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Locator, Page, sync_playwright
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from focus_core.config.experiment import parse_config
from focus_core.progress import Journal
from focus_store.contracts import Status
from focus_store.database.tables import Attempt, Experiment, MetricPoint, MetricSeries
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate

EXPERIMENTS, POINTS = 1000, 10**7
LONG, LONG_POINTS = 20, 10**5  # runs whose every step is overlaid
KEYS = (("loss", "train"), ("lr", "train"), ("grad_norm", "train"), ("loss", "validation"), ("epoch_loss", "train"))
PER_EPOCH = 100
LIVE = "live"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def fill(record: Record) -> None:
    """1,000 experiments with five curves each, 10⁷ points in all, twenty of them with 10⁵ training steps."""
    if len(record.experiments.find(limit=EXPERIMENTS)) >= EXPERIMENTS:
        return
    rest = (POINTS - LONG * (LONG_POINTS + 2 * LONG_POINTS // PER_EPOCH)) // ((EXPERIMENTS - LONG) * len(KEYS))
    generator = np.random.default_rng(0)
    total = 0
    for i in range(EXPERIMENTS):
        text = f"experiment: {{name: 'run {i:04d}'}}\ndata: {{dataset: quick}}\ntraining: {{num_epochs: 1000}}\n"
        experiment = record.experiments.create(parse_config(text), tags=[f"tag {i % 7}"], draft=True)
        with record.database.writing() as session:
            total += add_run(session, experiment, i, rest, generator)
    print(f"{EXPERIMENTS} experiments, {total:,} points")


def add_run(session: Session, experiment: str, i: int, rest: int, generator: np.random.Generator) -> int:
    keys = [(key, split) for key, split in KEYS if i >= LONG or (key != "lr" and key != "grad_norm")]
    lengths = [LONG_POINTS if (key, split) == KEYS[0] else LONG_POINTS // PER_EPOCH for key, split in keys]
    start = session.get_one(Experiment, experiment).created_at
    session.execute(insert(Attempt).values(experiment=experiment, number=1, worker="w", host="h", started_at=start))
    for j, ((key, split), n) in enumerate(zip(keys, lengths if i < LONG else [rest] * len(keys), strict=True)):
        number = 10 * i + j + 1
        plain = {"id": number, "experiment": experiment, "attempt": 1, "key": key, "split": split}
        session.execute(insert(MetricSeries).values(**plain))
        value = np.exp(-np.linspace(0.0, 4.0, n)) + 0.02 + 0.01 * generator.random(n)
        step = np.arange(1, n + 1) * (PER_EPOCH if split == "validation" or key == "epoch_loss" else 1)
        rows = [
            {"series_id": number, "step": s, "value": v, "kind": 0}
            for s, v in zip(step.tolist(), value.tolist(), strict=True)
        ]
        session.execute(insert(MetricPoint), rows)
    values = {"status": Status.SUCCEEDED, "epoch": 1000, "step": 100_000, "steps_per_epoch": PER_EPOCH}
    values |= {"best_val_loss": 0.02, "seconds_trained": 3600.0, "parameters": 37_341_569, "power_error": 0.05}
    values |= {"loss_sparkline": np.exp(-np.linspace(0, 3, 60)).round(4).tolist()}
    session.execute(update(Experiment).where(Experiment.id == experiment).values(**values))
    return sum(lengths if i < LONG else [rest] * len(keys))


def live_run(record: Record) -> tuple[str, Journal]:
    """One of the long runs, under way again: its trainer is this benchmark."""
    experiment = next(row.id for row in record.experiments.find(limit=EXPERIMENTS, text="run 0000"))
    with record.database.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment).values(status=Status.RUNNING, epoch=900))
    folder = record.settings.run_folder(experiment)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with record.database.writing() as session:
        fresh = {"journal_offset": 0, "journal_line": 0}
        session.execute(update(Experiment).where(Experiment.id == experiment).values(**fresh))
    return experiment, Journal(folder)


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "FOCUS_HOME": str(home)}
    command = [sys.executable, "-m", "dashboard.serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while not answers(address):
            time.sleep(0.2)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def processor_ms(server: psutil.Process) -> float:
    used = server.cpu_times()
    return 1000.0 * (used.user + used.system)


def wait_until_quiet(page: Page, server: psutil.Process) -> None:
    """Until the server has used less than 5 ms in half a second, at most ten seconds."""
    for _ in range(20):
        before = processor_ms(server)
        page.wait_for_timeout(500)
        if processor_ms(server) - before < 5:
            return


def draws(box: Locator) -> int:
    return int(box.get_attribute("data-draws") or 0)


def await_draw(page: Page, box: Locator, more_than: int) -> None:
    page.wait_for_function("([box, n]) => Number(box.dataset.draws || 0) > n", arg=[box.element_handle(), more_than])


def live_ticks(page: Page, address: str, server: psutil.Process, record: Record, ticks: int) -> None:
    experiment, journal = live_run(record)
    page.goto(f"{address}/experiment?id={experiment}")
    box = page.get_by_test_id("chart-loss")
    box.wait_for()
    await_draw(page, box, 0)
    page.wait_for_timeout(5000)
    before = processor_ms(server)
    page.wait_for_timeout(20_000)
    idle = (processor_ms(server) - before) / 20.0
    chosen = {"xaxis.range": [200, 500], "xaxis2.range": [200, 500], "yaxis.range": [-1.5, -0.5]}
    box.evaluate("(box, ranges) => window.Plotly.relayout(box, ranges)", chosen)
    box.evaluate("box => { box.readersOwn = true; }")
    costs, step = [], int(record.curves.series(experiment, "loss", "train").step[-1])  # an earlier call added some
    for _ in range(ticks):
        step += 1
        drawn, used, began = draws(box), processor_ms(server), time.perf_counter()
        journal.write("step", step=step, epoch=step / PER_EPOCH, loss=0.03, lr=1e-4, grad_norm=1.0)
        record.journal.ingest(experiment, record.settings.run_folder(experiment))
        await_draw(page, box, drawn)
        page.wait_for_timeout(1000)  # the head and the log follow within their own second
        costs.append(processor_ms(server) - used - idle * (time.perf_counter() - began))
    now = box.evaluate("box => [box._fullLayout.xaxis.range, box._fullLayout.yaxis.range].flat()")
    kept = np.allclose(now, [200, 500, -1.5, -0.5]) and box.evaluate("box => box.readersOwn === true")
    print(f"| live page without news, server ms per second | {idle:.0f} |")
    print(f"| live tick, server ms beyond that (median, 90 %) | {quantiles(costs)} |")
    print(f"| zoom kept over {ticks} ticks on the same element | {'yes' if kept else 'NO'} |")
    with record.database.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment).values(status=Status.SUCCEEDED))


def quantiles(values: list[float]) -> str:
    return f"{statistics.median(values):.0f}, {np.percentile(values, 90):.0f}"


def experiments_page(page: Page, address: str, server: psutil.Process, repeats: int = 7) -> None:
    costs, firsts = [], []
    for i in range(repeats):
        page.goto("about:blank")
        wait_until_quiet(page, server)
        used, began = processor_ms(server), time.perf_counter()
        page.goto(address, wait_until="commit")
        page.get_by_test_id("experiments-readouts").or_(page.locator(".focus-readouts")).first.wait_for()
        first = time.perf_counter() - began
        page.get_by_test_id("count").wait_for()
        page.wait_for_timeout(700)
        if i:  # the first one imports
            costs.append(processor_ms(server) - used)
            firsts.append(1000 * first)
    print(f"| Experiments page, 1,000 experiments and 10⁷ points, server ms (median, 90 %) | {quantiles(costs)} |")
    print(f"| the same, first content in the browser, ms | {quantiles(firsts)} |")


def overlay(page: Page, address: str, server: psutil.Process, record: Record) -> None:
    rows = record.experiments.find(limit=EXPERIMENTS)
    chosen = sorted((row for row in rows if int(row.name.split()[-1]) < LONG), key=lambda row: row.name)
    url = f"{address}/compare?ids={','.join(row.id for row in chosen)}&each-step=true"
    for word in ("cold", "warm"):
        page.goto("about:blank")
        wait_until_quiet(page, server)
        used, began = processor_ms(server), time.perf_counter()
        page.goto(url, wait_until="commit")
        box = page.get_by_test_id("chart-compare-loss")
        box.wait_for()
        await_draw(page, box, 0)
        seconds = time.perf_counter() - began
        size = box.evaluate("box => box.focusFigure.length") / 1e6
        print(
            f"| overlay of {LONG} × 10⁵ points, {word}: s to the drawn chart, server ms, MB of the figure | "
            f"{seconds:.2f}, {processor_ms(server) - used:.0f}, {size:.2f} |"
        )


def cached_sample(browser_page: Page, home: Path) -> None:
    """Press the button for a request that the record has already answered."""
    record = open_record(Settings.from_environment({"FOCUS_HOME": str(home)}))
    done = next(row for row in record.samples.latest(limit=50) if row.result)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        answer = record.samples.get(record.samples.request(done.spec))
        times.append(1000 * (time.perf_counter() - began))
        assert answer.result == done.result
    print(f"| cached sample from the record, ms (median, 90 %) | {quantiles(times)} |")
    with serving(home) as (address, server):
        browser_page.goto(f"{address}/sample?model={done.spec.experiment}&sample={done.id}")
        browser_page.get_by_test_id("gallery").wait_for()
        wait_until_quiet(browser_page, server)
        clicks = []
        names = record.experiments.get(done.spec.experiment).parameter_space or {"parameters": []}
        theta = "&".join(f"{p['name']}={v}" for p, v in zip(names["parameters"], done.spec.theta, strict=True))
        spec = f"&n={done.spec.n}&seed={done.spec.seed}&steps={done.spec.steps}"
        for _ in range(5):
            browser_page.goto(f"{address}/sample?model={done.spec.experiment}{spec}&{theta}")
            browser_page.locator(".st-key-draw button").wait_for()
            wait_until_quiet(browser_page, server)
            began = time.perf_counter()
            browser_page.locator(".st-key-draw button").click()
            browser_page.wait_for_url(lambda url: f"sample={done.id}" in url)
            browser_page.get_by_test_id("gallery").wait_for()
            clicks.append(1000 * (time.perf_counter() - began))
    print(f"| the same in the browser, from the click to the gallery, ms | {quantiles(clicks)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="What the pages cost.")
    parser.add_argument("--home", type=Path, required=True, help="a folder for the throwaway record")
    parser.add_argument("--trained", type=Path, help="home of a laboratory with a trained run and a sample of it")
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    settings = Settings.from_environment({"FOCUS_HOME": str(arguments.home)})
    arguments.home.mkdir(parents=True, exist_ok=True)
    migrate(settings.database_url)
    record = open_record(settings)
    fill(record)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, bypass_csp=True)  # for wait_for_function
        page.set_default_timeout(120_000)
        print("| measured | value |\n|---|---|")
        with serving(arguments.home) as (address, server):
            experiments_page(page, address, server)
            overlay(page, address, server, record)
            live_ticks(page, address, server, record, arguments.ticks)
        if arguments.trained is not None:
            cached_sample(page, arguments.trained)
        browser.close()


if __name__ == "__main__":
    main()
