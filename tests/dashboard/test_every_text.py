"""On every page, whatever people write is shown letter by letter and obeyed nowhere.

One record in which every name, note, tag, path and sentence is markup in each language of the pages; each page is read
text by text, each in the language in which the browser reads it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from page_alone import open_page
from prepared_record import SmallLaboratory, add_second, configuration, fill, move, write_run
from shown_texts import Text, shown, texts
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dashboard.pages import PAGES
from dashboard.views.datasets.outlook import default_name
from focus_core.config.experiment import validate_config
from focus_store.contracts import JobStatus, SampleSpec, Status, WorkerRow
from focus_store.database.tables import Attempt, Dataset, Experiment, Job, SampleRequest
from focus_store.database.transitions import Conflict
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate

# Begins and ends with words that are in no text of ours.
WRITTEN = "# xqa _b_ **c** $d$ <b>e</b> &amp; :red[f] [g](http://h.x/) `k` :smile: ~~l~~ -> zqx"
IN_A_PATH = WRITTEN.replace("/", "-")
SHORT = "<b>xqa</b> $d$ _zqx_"  # for places that cut what is longer
SENTENCE = f"data.dataset: {WRITTEN} is not there; make it with `focus simulate`."
_PIECE = re.compile("xqa|zqx")


def unlike(said: str) -> str:
    """What is left of it when every whole appearance of what was written is taken out, and every honest short form."""
    for whole in (WRITTEN, SHORT, IN_A_PATH, default_name(IN_A_PATH)):
        said = said.replace(whole, "")
    for start in range(1, len(WRITTEN) - 2):  # … and the end, as the short form of a long name
        said = said.replace("…" + WRITTEN[start:], "…")
    for end in range(len(WRITTEN) - 1, 5, -1):
        said = said.replace(WRITTEN[:end] + "…", "…")
    return said


def mistaken(found: list[Text]) -> list[str]:
    """Of all texts of a page, those in which something that was written is not shown as it was written."""
    written = [text for text in found if _PIECE.search(text.written)]
    wrong = [(text, said) for text in written for said in shown(text) if _PIECE.search(unlike(said))]
    return [f"{text.place}, read as {text.language and text.language.value}: {said[:300]!r}" for text, said in wrong]


@dataclass(frozen=True)
class Nasty:
    """The small laboratory with everything named by markup, and what else its pages have states for."""

    small: SmallLaboratory
    second: str
    waiting: str  # for a suite whose simulation failed
    lost: str  # runs on a worker that is silent
    archived: str


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nasty]:
    """In a home whose path is such a text too."""
    folder = tmp_path_factory.mktemp("nasty")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FOCUS_DATABASE_URL", "FOCUS_BROKER_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("FOCUS_HOME", str(folder / IN_A_PATH))
        patch.setenv("FOCUS_TASKS", str(_recipes(folder / "tasks")))
        settings = Settings.from_environment()
        migrate(settings.database_url)
        record = open_record(settings)
        yield _filled(record)
        record.close()


def _recipes(tasks: Path) -> Path:
    recipe = tasks / IN_A_PATH / "config.yaml"
    recipe.parent.mkdir(parents=True)
    text = {"experiment": {"name": WRITTEN}, "data": {"dataset": WRITTEN}, "training": {"num_epochs": 5}}
    recipe.write_text(json.dumps(text), encoding="utf-8")
    return tasks


def _filled(record: Record) -> Nasty:
    small = fill(record)
    second = add_second(record)
    archived = record.experiments.create(configuration("archived", seed=8))
    write_run(record, archived)
    move(record, archived, Status.SUCCEEDED)
    record.experiments.archive(archived)
    suite = record.jobs.request_simulation({"name": "suite"})
    waiting = record.experiments.create(validate_config({"data": {"dataset": "suite"}}), after_job=suite)
    lost = record.experiments.create(configuration("lost", seed=9))
    write_run(record, lost)
    move(record, lost, Status.RUNNING)
    check = record.jobs.request("add_dataset", {"name": "checked", "path": str(record.settings.home)})
    running = record.jobs.request_simulation({"name": "running"})
    benchmark = record.findings.request("sampler_benchmark", small.finished)
    record.samples.request(SampleSpec(small.finished, (0.3, 0.05, 0.7, 1.0, 1.02, -1.0), n=2, seed=8))
    failed = record.samples.request(SampleSpec(second, (0.3, 0.05, 0.7, 1.0, 1.02, -1.0), n=2, seed=9))
    record.workers.beat(WorkerRow("train-1", WRITTEN, "train", 1, WRITTEN, 0.0, None, message=WRITTEN))
    record.workers.beat(WorkerRow("sample-1", WRITTEN, "sample", 2, WRITTEN, 0.0, lost))
    record.notes.set(small.finished, WRITTEN, expected="")
    with contextlib.suppress(Conflict):
        record.notes.set(second, WRITTEN, expected="another text")
    _name_everything(record)
    _rename(record, archived, SHORT)
    with record.database.writing() as session:
        session.execute(update(Job).values(title=WRITTEN))
        for job, status in ((suite, JobStatus.FAILED), (check, JobStatus.FAILED), (benchmark, JobStatus.FAILED)):
            session.execute(update(Job).where(Job.id == job).values(status=status, message=SENTENCE))
        session.execute(update(Job).where(Job.id == running).values(status=JobStatus.RUNNING, done=3))
        session.execute(update(SampleRequest).where(SampleRequest.id == failed).values(status=JobStatus.FAILED))
        session.execute(update(SampleRequest).values(message=SENTENCE))
        session.execute(update(Job).values(ended_at=Job.created_at))
    return Nasty(small, second, waiting, lost, archived)


def _name_everything(record: Record) -> None:
    """Past the checks of what a name may be: records of other versions, and imported ones, had fewer."""
    with record.database.writing() as session:
        for run in session.query(Experiment):
            run.name, run.dataset, run.tags, run.message = f"{WRITTEN} {run.id}", WRITTEN, [WRITTEN], SENTENCE
            run.config = _named(run.config, run.name)
            run.device, run.unit, run.log_tail, run.recipe = WRITTEN, WRITTEN, f"{WRITTEN}\n{WRITTEN}", WRITTEN
            run.environment = {"torch": WRITTEN, "dataset": {"name": WRITTEN, "digest": "sha256:another"}}
            run.parameter_space = _space(run.parameter_space)
        for data in session.query(Dataset):
            data.name, data.path, data.unit = WRITTEN, WRITTEN, WRITTEN
            data.parameter_space = _space(data.parameter_space)
            data.provenance = {"source": WRITTEN, "suite": WRITTEN}
            data.survey = _survey(record, WRITTEN)
        for job in session.query(Job):
            job.arguments = job.arguments | {"name": WRITTEN, "path": WRITTEN}
        session.execute(update(Attempt).values(host=WRITTEN, device=WRITTEN, reason=WRITTEN))


def _rename(record: Record, experiment: str, name: str) -> None:
    with record.database.writing() as session:
        session.execute(update(Experiment).where(Experiment.id == experiment).values(name=name))


def _named(config: dict[str, Any], name: str) -> dict[str, Any]:
    named = config["experiment"] | {"name": name, "description": WRITTEN}
    return config | {"experiment": named, "data": config["data"] | {"dataset": WRITTEN}}


def _space(space: dict[str, Any] | None) -> dict[str, Any] | None:
    """The names, symbols and units of θ; its HTML and TeX are markup by what they are."""
    if space is None:
        return None
    first, *others = space["parameters"]
    first = first | {"symbol": WRITTEN, "unit": WRITTEN}
    return space | {"name": WRITTEN, "parameters": [first, *others]}


def _survey(record: Record, said: str) -> dict[str, Any]:
    arrays = next(iter(record.experiments.find())).id
    truth = record.experiments.get(arrays).truth_arrays
    return {
        "field": said, "redshift": 0.0, "maps_per_simulation": 3, "normalised": False, "warnings": [said],
        "files": {said: [1, 1]}, "columns": 3, "shown_maps": 3, "range": [11.0, 13.0], "mean": 1e12, "std": 3e12,
        "minimum": 0.0, "maximum": 4e14, "zero_fraction": 0.0, "arrays": truth, "sheets": [[0, "d"], [9, "d"]],
        "remarks": [said], "rows": said, "stored_as": said,
    }  # fmt: skip


def _press(*keys: str) -> Callable[[AppTest, Nasty], None]:
    def press(app: AppTest, nasty: Nasty) -> None:
        for key in keys:
            app.button(key=key.format(**_ids(nasty))).click().run()

    return press


def _ids(nasty: Nasty) -> dict[str, str]:
    small = nasty.small
    return {
        "finished": small.finished, "queued": small.queued, "failed": small.failed, "draft": small.draft,
        "second": nasty.second, "waiting": nasty.waiting, "lost": nasty.lost, "archived": nasty.archived,
        "sample": small.sample,
    }  # fmt: skip


# Page, query, what is pressed there.
STATES: dict[str, tuple[str, dict[str, str], Callable[[AppTest, Nasty], None]]] = {
    "the list": ("experiments", {}, _press()),
    "the archive": ("experiments", {"status": "Archived"}, _press()),
    "a search that finds": ("experiments", {"text": WRITTEN, "tag": WRITTEN, "dataset": WRITTEN}, _press()),
    "deletion asked in the list": ("experiments", {"marked": "{finished},{second}"}, _press("delete")),
    "New": ("new", {}, _press()),
    "New as a clone": ("new", {"parent": "{finished}", "panel": "changes"}, _press()),
    "New as a clone of an archived one": ("new", {"parent": "{archived}"}, _press()),
    "New of a draft": ("new", {"draft": "{draft}"}, _press()),
    "New of what is no draft": ("new", {"draft": "{finished}"}, _press()),
    "a finished experiment": ("experiment", {"id": "{finished}"}, _press("delete")),
    "one with a note of two windows": ("experiment", {"id": "{second}"}, _press()),
    "a queued one": ("experiment", {"id": "{queued}"}, _press()),
    "a failed one": ("experiment", {"id": "{failed}"}, _press("delete")),
    "one that waits for its suite": ("experiment", {"id": "{waiting}"}, _press()),
    "one whose worker is not heard of": ("experiment", {"id": "{lost}"}, _press()),
    "an unknown one": ("experiment", {"id": WRITTEN}, _press()),
    "Compare": ("compare", {"ids": "{finished},{second},{archived}"}, _press()),
    "Compare of an unknown one": ("compare", {"ids": f"{{finished}},{WRITTEN.replace(',', '')}"}, _press()),
    "Sample": ("sample", {"model": "{finished}"}, _press()),
    "a sample": ("sample", {"model": "{finished}", "sample": "{sample}"}, _press()),
    "Sample where nothing was drawn": ("sample", {"model": "{second}"}, _press()),
    "Sample of an archived one": ("sample", {"model": "{archived}"}, _press()),
    "Datasets": ("datasets", {"dataset": WRITTEN}, _press("remove-dataset")),
    "an unknown dataset": ("datasets", {"dataset": WRITTEN + "2"}, _press()),
    "the form of a path": (
        "datasets",
        {"form": "add", "add-path": IN_A_PATH, "add-name": WRITTEN},
        _press("add-dataset"),
    ),
    "the form of one's own data": (
        "datasets",
        {"form": "describe", "describe-maps": IN_A_PATH, "describe-name": WRITTEN, "describe-table": WRITTEN},
        _press("describe-dataset"),
    ),
    "the form of a suite": ("datasets", {"form": "simulate", "suite-name": WRITTEN}, _press("simulate")),
    "Workers": ("workers", {}, _press("delete-{finished}")),
}


def test_every_page_has_its_states_here() -> None:
    assert {page for page, _, _ in STATES.values()} == {page.name for page in PAGES}


@pytest.mark.parametrize("state", STATES)
def test_what_was_written_is_shown_letter_by_letter_and_obeyed_nowhere(nasty: Nasty, state: str) -> None:
    page, query, act = STATES[state]
    app = open_page(page, **{name: value.format(**_ids(nasty)) for name, value in query.items()})
    act(app, nasty)
    assert not app.exception
    found = texts(app)
    assert sum(WRITTEN in said for text in found for said in _said(text)) > 0, "the page shows nothing of it"
    assert mistaken(found) == []


def _said(text: Text) -> list[str]:
    return shown(text) if text.language else []
