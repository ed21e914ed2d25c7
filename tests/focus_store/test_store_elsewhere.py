"""Artifacts and copies of runs in a store elsewhere: a real S3 server, and a folder that hosts share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server

from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import UserError
from focus_core.run_files import JOURNAL
from focus_store.files.artifacts import ArtifactFolder
from focus_store.files.remote import RemoteFolder, StoreAway
from focus_store.files.run_uploads import FETCHED, RunCopies, fetched_folder, journal_position
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3") / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["s3", "shared folder"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "shared folder":
        return f"file://{tmp_path}/shared"
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.environment['FOCUS_ARTIFACT_URL']}/{tmp_path.name}"


def write_run(folder: Path, attempt: int, lines: int, checkpoint: bytes) -> None:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints" / "checkpoint_last.pt").write_bytes(checkpoint)
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "trainer.lock").write_text("1")
    events = [{"seq": i, "attempt": attempt, "kind": "step", "step": i, "loss": 0.5} for i in range(lines)]
    (folder / JOURNAL).write_text("".join(json.dumps(event) + "\n" for event in events) + '{"torn')


class TestArtifacts:
    def test_what_one_host_stores_another_reads_and_a_damaged_one_is_refused(self, url: str, tmp_path: Path) -> None:
        here, there = (ArtifactFolder(tmp_path / name, RemoteFolder(url)) for name in ("here", "there"))
        stored = here.put(b"a map", ".webp")
        found = there.find(stored.digest)
        assert found is not None
        assert found.is_relative_to(tmp_path / "there")
        assert there.read(stored.digest) == b"a map"
        assert there.find("0" * 64) is None
        RemoteFolder(url).put_bytes(b"another map", f"artifacts/{stored.path}")
        with pytest.raises(UserError, match="damaged"):
            ArtifactFolder(tmp_path / "third", RemoteFolder(url)).find(stored.digest)
        here.remove(stored.path)
        assert ArtifactFolder(tmp_path / "fourth", RemoteFolder(url)).find(stored.digest) is None
        here.remove(stored.path)

    def test_equal_content_that_is_only_here_is_uploaded_by_the_next_put(self, url: str, tmp_path: Path) -> None:
        stored = ArtifactFolder(tmp_path / "here").put(b"a map", ".webp")
        ArtifactFolder(tmp_path / "here", RemoteFolder(url)).put(b"a map", ".webp")
        assert ArtifactFolder(tmp_path / "there", RemoteFolder(url)).read(stored.digest) == b"a map"


class TestCopiesOfRuns:
    def test_a_run_goes_on_where_its_newest_copy_is(self, url: str, tmp_path: Path) -> None:
        a, b = tmp_path / "a", tmp_path / "b"
        write_run(a, attempt=1, lines=3, checkpoint=b"first")
        assert RunCopies(RemoteFolder(url)).upload("run", a)
        copies = RunCopies(RemoteFolder(url))
        assert not copies.is_behind("run", a)
        assert copies.is_behind("run", b)
        copies.fetch("run", b)
        assert journal_position(b) == (1, 2)
        assert (b / JOURNAL).read_text().count("\n") == 3, "whole lines alone are copied"
        assert not (b / "logs" / "trainer.lock").exists()
        write_run(b, attempt=2, lines=5, checkpoint=b"second")
        assert copies.upload("run", b)
        assert copies.is_behind("run", a)
        write_run(a, attempt=1, lines=9, checkpoint=b"of a host that thinks it still has the run")
        assert not RunCopies(RemoteFolder(url)).upload("run", a), "an earlier attempt never replaces a later one"
        copies.fetch("run", a)
        assert (a / "checkpoints" / "checkpoint_last.pt").read_bytes() == b"second"
        names = RemoteFolder(url).names("runs/run")
        manifest = copies.manifest("run")
        assert manifest is not None
        assert set(names) >= {"manifest.json", *manifest.files.values()}
        copies.remove("run")
        assert copies.manifest("run") is None
        assert RemoteFolder(url).names("runs/run") == []

    def test_only_what_is_asked_for_comes_and_what_is_there_does_not_come_twice(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_run(tmp_path / "a", 1, 3, b"weights")
        copies, asked = RunCopies(RemoteFolder(url)), []
        copies.upload("run", tmp_path / "a")
        fetch = RemoteFolder.fetch
        monkeypatch.setattr(RemoteFolder, "fetch", lambda *a: asked.append(a[1]) or fetch(*a))
        for _ in range(2):
            copies.fetch("run", tmp_path / "b", only={"checkpoints/checkpoint_last.pt"})
        assert len(asked) == 1
        assert [path.name for path in (tmp_path / "b").rglob("*") if path.is_file()] == ["checkpoint_last.pt"]
        with pytest.raises(UserError, match="has not been uploaded to"):
            copies.fetch("other", tmp_path / "c")

    def test_a_sampler_keeps_the_runs_that_it_used_last(self, tmp_path: Path) -> None:
        for i in range(FETCHED + 2):
            fetched_folder(tmp_path, f"run{i}")
        assert len(list((tmp_path / "fetched").iterdir())) == FETCHED


class TestAway:
    def test_a_store_that_is_away_is_one_sentence_and_nothing_is_lost(
        self,
        s3_server: S3Server,
        settings: Settings,
        config: ExperimentConfig,
        write_journal: Callable[..., Path],
        write_figures: Callable[[Path, int], list[Any]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in s3_server.environment.items():
            monkeypatch.setenv(name, value)
        record: Record = open_record(replace(settings, artifact_url=f"s3://laboratory/{settings.home.name}"))
        run = record.experiments.create(config)
        folder = settings.run_folder(run)
        write_journal(folder, [(1, "run_started", {"num_epochs": 1}), *write_figures(folder, 1)])
        s3_server.stop()
        with pytest.raises(StoreAway, match="the artifact store s3://laboratory"):
            record.journal.ingest(run, folder)
        assert record.figures.epochs(run) == []
        s3_server.start()
        record.journal.ingest(run, folder)
        assert record.figures.epochs(run) == [1]
        thumbnail = record.experiments.get(run).summary.thumbnail
        assert thumbnail is not None
        elsewhere = open_record(replace(record.settings, artifact_root=settings.home / "another disk"))
        assert elsewhere.artifacts.read(thumbnail)[8:12] == b"WEBP"
        for opened in (record, elsewhere):
            opened.close()

    def test_a_bucket_that_is_not_there_is_one_sentence(
        self, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in s3_server.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StoreAway, match="s3://no-such-bucket/x"):
            ArtifactFolder(tmp_path, RemoteFolder("s3://no-such-bucket/x")).put(b"a map", ".webp")


@pytest.mark.parametrize("address", ["s3", "/shared/focus", "carrier-pigeon://coop"])
def test_an_address_that_makes_no_sense_is_refused_by_its_name(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="FOCUS_ARTIFACT_URL"):
        Settings.from_environment({"FOCUS_HOME": str(tmp_path), "FOCUS_ARTIFACT_URL": address})
