"""`focus-lab import`, `export`, `copy-record` and `ask`: operations on the record from a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy.engine import make_url

from focus_core.catalogue.jobs import job_kinds
from focus_core.errors import EXIT_DONE, EXIT_USER_MISTAKE, UserError
from focus_store.moving.copying import copy_record
from focus_store.moving.export_tables import WRITERS, writer
from focus_store.moving.exports import export_run
from focus_store.moving.imports import Imported, import_run
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate


@dataclass(frozen=True)
class RecordCommand:
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Settings, argparse.Namespace], int]


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="what focus train --exp-dir wrote")
    parser.add_argument("--link", action="store_true", help="leave the folder where it is; do not copy it")
    parser.add_argument("--ended", action="store_true", help="its training run has ended, although it looks alive")


def import_runs(settings: Settings, arguments: argparse.Namespace) -> int:
    """Each folder separately: one that cannot be imported does not block the others."""
    record, refused = _open(settings), 0
    try:
        for folder in arguments.folders:
            try:
                _tell(folder, import_run(record, folder, link=arguments.link, ended=arguments.ended))
            except UserError as error:
                print(f"focus-lab import: {error}", file=sys.stderr)
                refused += 1
    finally:
        record.close()
    return EXIT_USER_MISTAKE if refused else EXIT_DONE


def _tell(folder: Path, done: Imported) -> None:
    for warning in done.warnings:
        print(f"focus-lab import: warning: {warning}", file=sys.stderr)
    print(f"{folder}: {done.change.value} as {done.id}, {done.status}")
    print(
        f"  {done.points:,} points (sha256 {done.digest[:16]}…), {done.figures} figures, {done.checkpoints} checkpoints"
    )


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="of an experiment, as in its page's address")
    parser.add_argument("--all", action="store_true", help="every experiment that is not archived")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets one folder an experiment")
    parser.add_argument("--format", choices=sorted(WRITERS), default="csv", help="of the tables (default csv)")
    parser.add_argument("--checkpoints", action="store_true", help="with checkpoints and weights, to sample or resume")


def export_runs(settings: Settings, arguments: argparse.Namespace) -> int:
    if bool(arguments.ids) == arguments.all:
        raise UserError("ID: name the experiments to export, or give --all; focus-lab status and the pages show ids.")
    write, record = writer(arguments.format), open_record(settings)
    try:
        ids = _all_ids(record) if arguments.all else list(dict.fromkeys(arguments.ids))
        if not ids:
            print(f"no experiment is in the record of {settings.home}, so nothing was exported")
        for experiment_id in ids:
            done = export_run(record, experiment_id, arguments.out, write, checkpoints=arguments.checkpoints)
            for warning in done.warnings:
                print(f"focus-lab export: warning: {warning}", file=sys.stderr)
            print(
                f"{done.folder}: {done.points:,} points (sha256 {done.digest[:16]}…), "
                f"{done.curves:,} rows of spectra and other curves"
            )
    finally:
        record.close()
    return EXIT_DONE


def _all_ids(record: Record) -> list[str]:
    ids: list[str] = []
    while page := record.experiments.find(limit=500, offset=len(ids)):
        ids += [summary.id for summary in page]
    return ids


def _copy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", required=True, metavar="URL", help="an empty database: postgresql+psycopg://…")


def copy_whole_record(settings: Settings, arguments: argparse.Namespace) -> int:
    """The target gets its tables here, so that moving to PostgreSQL is one command."""
    done = copy_record(settings, arguments.to, migrate)
    for table, count in done.rows.items():
        print(f"{table:18s} {count:>12,} rows")
    print(f"copied and compared, row by row: sha256 {done.digest[:16]}…; now set FOCUS_DATABASE_URL to the copy.")
    print(f"Run folders and artifacts are not in the database: they stay in {settings.home}.")
    return EXIT_DONE


def _ask_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted(job_kinds()), help="of the job")
    parser.add_argument(
        "arguments", nargs="*", metavar="NAME=VALUE", help="what the job is given, as on its page's form"
    )


def ask_for_job(settings: Settings, arguments: argparse.Namespace) -> int:
    """The worker of its lane takes it in turn; the Workers page shows it."""
    given = dict(_argument(word) for word in arguments.arguments)
    record = open_record(settings)
    try:
        job = record.jobs.get(record.jobs.request(arguments.kind, given))
    finally:
        record.close()
    print(f"{job.id}: {job.title}, {job.status.value}")
    return EXIT_DONE


def _argument(word: str) -> tuple[str, object]:
    """A number if it reads as one, as in a configuration."""
    name, sign, text = word.partition("=")
    if not sign or not name:
        raise UserError(f"{word}: is not an argument of a job; give NAME=VALUE.")
    try:
        return name, yaml.safe_load(text)
    except yaml.YAMLError:
        return name, text


def _open(settings: Settings) -> Record:
    """The record, created if there is none yet: an import may be a user's first command."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        migrate(settings.database_url)
    return open_record(settings)


RECORD_COMMANDS: Mapping[str, RecordCommand] = {
    "import": RecordCommand(
        "bring a run that was trained elsewhere into the record, with every point, figure and checkpoint",
        _import_arguments,
        import_runs,
    ),
    "export": RecordCommand("write experiments as files, every point included", _export_arguments, export_runs),
    "ask": RecordCommand("ask a worker for a job", _ask_arguments, ask_for_job),
    "copy-record": RecordCommand(
        "copy the whole record into another, empty database, from SQLite to PostgreSQL say",
        _copy_arguments,
        copy_whole_record,
    ),
}
