"""What CONTRIBUTING shows is done to a copy of the sources, as it says, and works: in the shell and on the pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from contributing import ROOT, apply, blocks, copy_sources

SECTIONS = ("A network", "A sampler", "A transform", "A statistic", "A kind of job", "A column of the list", "A page")

IN_THE_SHELL = """
import sys
import numpy as np

from focus_core.cli import main
from focus_core.config.experiment import load_config
from focus_core.costs.estimate import estimate
from focus_core.networks.building import build_network, parameter_count

run = ["--run", "run", "--params", "Omega_m=0.3,Omega_b=0.05,h=0.7,n_s=0.96,sigma_8=0.8,w0=-1", "--device", "cpu"]
for words in (
    ["simulate", "--out", "suite", "--simulations", "8", "--grid", "16", "--box", "16"],
    ["describe", "--config", "config.yaml", "--grid", "10"],
    ["train", "--config", "config.yaml", "--exp-dir", "run"],
    ["sample", *run, "--n", "2", "--out", "own.npz"],
    ["sample", *run, "--n", "2", "--out", "heun.npz", "--sampler", "heun", "--steps", "40"],
    ["sample", *run, "--n", "2", "--out", "fine.npz", "--steps", "40"],
):
    assert main(words) == 0, words
config = load_config("config.yaml")
cost = estimate(config, 10)
assert cost.exact
assert cost.parameters == parameter_count(build_network(config.model, True))
heun, fine = (np.load(name)["maps"] for name in ("heun.npz", "fine.npz"))
assert min(heun.min(), fine.min()) >= 0.0
heun, fine = (np.log1p(maps / fine.mean()) for maps in (heun, fine))
# Two rules of second order at small steps follow one equation; a tenth of the spread is far more than they differ.
assert np.abs(heun - fine).max() < 0.1 * heun.std(), np.abs(heun - fine).max() / heun.std()
"""

CONFIG = """
experiment: {name: Plain}
method: flow
data: {dataset: suite, train_split: 0.5, transform: log1p}
model: {from: PlainNet, base_channels: 8, time_dim: 16, depth: 2}
training: {num_epochs: 1, batch_size: 4}
sampling: {method: midpoint, num_steps: 3}
"""

PLAIN_CONFIG = """
experiment: {name: Plain}
data: {dataset: suite, train_split: 0.5}
model: {base_channels: 8, channel_mults: [1, 2], time_dim: 16}
diffusion: {timesteps: 20}
training: {num_epochs: 1, batch_size: 4}
sampling: {ddim_timesteps: 3}
device: cpu
"""

ON_THE_PAGES = """
from page_alone import open_page
from prepared_record import move, register_quick, write_recipes, write_run
from standing import standing
from pathlib import Path

from dashboard.record.connection import record
from focus_core.config.experiment import parse_config
from focus_store.contracts import Status
from focus_store.settings import Settings
from migrations.upgrade import migrate

write_recipes(Path("tasks_of_a_test"))
migrate(Settings.from_environment().database_url)
register_quick(record())

new = open_page("new", recipe="quickstart")
standing(new.selectbox, "f-model.from").set_value("PlainNet").run()
standing(new.selectbox, "f-method").set_value("flow").run()
standing(new.text_input, "f-model.depth").set_value("3").run()
standing(new.selectbox, "f-sampling.method").set_value("midpoint").run()
standing(new.selectbox, "f-data.transform.name").set_value("log1p").run()
assert not new.exception, new.exception
shown = {str(w.key).partition("~")[0] for w in new.text_input}
assert {"f-model.depth", "f-sampling.num_steps"} <= shown, shown
assert not {"f-model.channel_mults", "f-sampling.tolerance"} & shown, shown
new.button(key="queue").click().run()
queued = record().experiments.find()[0]
config = parse_config(record().experiments.configuration_file(queued.id))
assert (config.model.network, config.model.depth, config.sampling.method) == ("PlainNet", 3, "midpoint")
assert config.data.transform.name == "log1p"

write_run(record(), queued.id)
move(record(), queued.id, Status.SUCCEEDED)
sample = open_page("sample", model=queued.id)
assert not sample.exception, sample.exception
sampler = sample.selectbox(key="sampler")
assert "Midpoint" in sampler.options, sampler.options
sampler.set_value("midpoint").run()
sample.button(key="draw").click().run()
assert not sample.exception, sample.exception
assert record().samples.latest(queued.id)[0].spec.sampler == "midpoint"
"""


A_STATISTIC = """
from pathlib import Path

import numpy as np
import yaml
from page_alone import html, open_page
from prepared_record import write_recipes
from standing import standing

from dashboard.record.connection import record
from focus_core.cli import main
from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.statistics.survey import survey_dataset
from focus_core.data.checking import open_path
from focus_store.contracts import SampleSpec
from focus_store.moving.export_tables import write_csv
from focus_store.moving.exports import export_run
from focus_store.moving.imports import import_run
from migrations.upgrade import migrate
from focus_store.settings import Settings
from worker.jobs.sampling import answer

VARIANCE = MAP_STATISTICS["variance"]
assert main(["simulate", "--out", "suite", "--simulations", "8", "--grid", "16", "--box", "16"]) == 0
assert main(["train", "--config", "config.yaml", "--exp-dir", "run"]) == 0
figures = sorted(path.name for path in Path("run/figs").glob("variance*"))
assert figures == ["variance_epoch_0001.npz", "variance_epoch_0001.png"], figures
truth = np.load("run/truth.npz")
assert truth["variance_mean"].shape == (8, 3), truth["variance_mean"].shape
assert "variance_mean" in survey_dataset(open_path(Path("suite"))).curves
assert main(["measure", "variance", "suite/maps.npy", "--box", "16", "--mean", "--out", "variance.csv"]) == 0
head, first, *_ = Path("variance.csv").read_text().splitlines()
assert head == "cell,variance,error"
maps = np.load("suite/maps.npy").astype(float)
delta = maps / maps.mean(axis=(1, 2), keepdims=True) - 1
assert np.isclose(float(first.split(",")[1]), delta.var(axis=(1, 2)).mean()), first

write_recipes(Path("tasks_of_a_test"))
migrate(Settings.from_environment().database_url)
run = import_run(record(), Path("run")).id
found = record().figures.at(run, 1).of(VARIANCE)
assert found.summary["variance_error"] > 0, found
assert "variance" in (export_run(record(), run, Path("out"), write_csv).folder / "variance.csv").read_text()
sample = record().samples.request(SampleSpec(run, (0.3, 0.05, 0.7, 0.96, 0.8, -1.0), n=2, seed=1, steps=3))
answer(record(), record().leases.claim("sample", "worker-1"), lambda: False)
assert record().samples.get(sample).measured["variance"].arrays["generated"].shape == (2, 3)

for page in (
    open_page("experiment", id=run, statistic="variance"),
    open_page("sample", model=run, statistic="variance"),
    open_page("compare", ids=run, statistic="variance"),
):
    assert not page.exception, page.exception
    choice = next(group for group in page.get("button_group") if group.key == "statistic")
    assert choice.value == "variance", choice
    assert "not measured" not in html(page)
"""

A_JOB = """
from page_alone import html, open_page
from prepared_record import register_quick

from dashboard.record.connection import record
from focus_store.settings import Settings
from focus_store.contracts import JobStatus
from migrations.upgrade import migrate
from worker.jobs.child import Errand
from worker.jobs.work import run_job
from worker.laboratory.command import main
import numpy as np

settings = Settings.from_environment()
migrate(settings.database_url)
register_quick(record())
suite = settings.datasets / "quick"
suite.mkdir(parents=True)
np.save(suite / "maps.npy", np.array([[[2.0, 5.0], [3.0, 4.0]]]))


def work(job):
    claim = record().leases.claim("sample", "worker-1")
    assert claim.id == job, claim
    run_job(Errand(record(), claim, lambda: False))
    return record().jobs.get(job)


assert main(["ask", "extremes", "name=quick", f"path={suite}"]) == 0
[job] = record().jobs.every(active_only=True)
done = work(job.id)
assert (done.status, done.message) == (JobStatus.SUCCEEDED, "its pixels go from 2 to 5"), done
assert not (settings.home / "work" / job.id).exists()

page = open_page("datasets", dataset="quick")
assert "its pixels go from 2 to 5" in html(page)
page.button(key="ask-extremes").click().run()
assert not page.exception, page.exception
[again] = record().jobs.every(active_only=True)
assert "waits to be searched" in html(open_page("datasets"))
(suite / "maps.npy").unlink()
failed = work(again.id)
assert failed.status is JobStatus.FAILED
assert "No such file or directory; check the dataset." in failed.message, failed
assert main(["ask", "extremes", "name=quick"]) == 2
"""

A_COLUMN = """
from pathlib import Path

from dashboard.views.experiments.columns import to_csv
from dashboard.record.connection import record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from page_alone import open_page
from prepared_record import fill, write_recipes

write_recipes(Path("tasks_of_a_test"))
migrate(Settings.from_environment().database_url)
fill(record())
assert "Epoch [s]" in to_csv(record().experiments.find()).splitlines()[0]

page = open_page("experiments", sort="epoch-time", order="down")
assert not page.exception, page.exception
cells = list(page.dataframe[0].value["epoch-time"])
assert cells[0] is not None, cells
assert page.selectbox(key="sort").value == "epoch-time"
measured = [row.name for row in record().experiments.find() if row.seconds_per_epoch]
chosen = open_page("experiments", **{"epoch-time": "under a minute"})
assert len(chosen.dataframe[0].value) == len(measured), chosen.dataframe[0].value
"""

A_PAGE = """

from dashboard.server.document import DOCUMENT_ROUTES
from dashboard.pages import PAGES
from page_alone import open_page
from focus_store.settings import Settings
from migrations.upgrade import migrate
from pathlib import Path

migrate(Settings.from_environment().database_url)
assert "/room" in [route.path for route in DOCUMENT_ROUTES]
page = open_page("room")
assert not page.exception, page.exception
assert page.metric[0].value == "0 B", page.metric[0].value
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with everything added that CONTRIBUTING shows."""
    folder = copy_sources(tmp_path_factory.mktemp("sources"))
    for section in SECTIONS:
        for block in blocks(section):
            apply(block, folder)
    return folder


def run(script: str, sources: Path, ground: Path) -> None:
    """With the copy's sources, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOCUS_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(sources), str(ROOT / "tests/support")]),
        "FOCUS_HOME": str(ground / "home"),
        "FOCUS_TASKS": str(ground / "tasks_of_a_test"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ground, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("section", SECTIONS)
def test_each_is_one_new_file_and_one_line(section: str) -> None:
    new, changed = blocks(section)
    assert new.name is None
    assert changed.name is not None
    assert len(changed.text.splitlines()) == 1


def test_a_new_network_transform_and_sampler_train_and_draw_from_the_shell(extended: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    run(IN_THE_SHELL, extended, tmp_path)


def test_a_new_network_is_in_the_form_with_its_own_settings_and_a_new_sampler_draws_on_the_page(
    extended: Path, tmp_path: Path
) -> None:
    run(ON_THE_PAGES, extended, tmp_path)


def test_a_new_statistic_is_measured_of_epochs_datasets_and_samples_and_shown_and_exported(
    extended: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(PLAIN_CONFIG, encoding="utf-8")
    run(A_STATISTIC, extended, tmp_path)


def test_a_new_kind_of_job_is_asked_for_in_the_shell_and_on_a_dataset_and_its_end_is_told(
    extended: Path, tmp_path: Path
) -> None:
    run(A_JOB, extended, tmp_path)


def test_a_new_page_has_its_address_and_shows_the_record(extended: Path, tmp_path: Path) -> None:
    run(A_PAGE, extended, tmp_path)


def test_a_new_column_of_the_list_shows_sorts_filters_and_is_exported(extended: Path, tmp_path: Path) -> None:
    run(A_COLUMN, extended, tmp_path)
