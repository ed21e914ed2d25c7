"""The journal: appended, flushed, numbered, and readable while it is written."""

import json
from pathlib import Path

import pytest

from focus_core.errors import UserError
from focus_core.progress import Journal, JournalPosition, read_events
from focus_core.run_files import JOURNAL


def test_events_are_numbered_over_all_attempts_and_attempts_count_up(tmp_path: Path) -> None:
    for _ in range(2):
        with Journal(tmp_path) as journal:
            journal.write("step", step=1, loss=0.5)
            journal.write("step", step=2, loss=0.4)
    events = [event for event, _ in read_events(tmp_path / JOURNAL)]
    assert [event["seq"] for event in events] == [0, 1, 2, 3]
    assert [event["attempt"] for event in events] == [1, 1, 2, 2]
    assert events[0]["loss"] == 0.5


def test_an_attempt_can_be_given(tmp_path: Path) -> None:
    with Journal(tmp_path, attempt=5) as journal:
        journal.write("step")
    with Journal(tmp_path) as journal:
        assert journal.attempt == 6


def test_an_event_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write("step", step=1)
        assert len(list(read_events(tmp_path / JOURNAL))) == 1


def test_a_reader_goes_on_where_it_stood_and_leaves_a_line_that_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    with Journal(tmp_path) as journal:
        journal.write("step", step=1)
    with path.open("ab") as file:
        file.write(b'{"seq": 1, "time": "t", ')
    (_, position), *rest = read_events(path)
    assert not rest
    assert list(read_events(path, position)) == []
    with path.open("ab") as file:
        file.write(b'"attempt": 1, "kind": "step", "step": 2}\n')
    ((event, after),) = read_events(path, position)
    assert event["step"] == 2
    assert after == JournalPosition(path.stat().st_size, 2)


def test_the_half_line_of_a_killed_writer_is_cut_before_the_next_event(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    with Journal(tmp_path) as journal:
        journal.write("step", step=1)
    with path.open("ab") as file:
        file.write(b'{"seq": 1, "ti')
    with Journal(tmp_path) as journal:
        journal.write("step", step=2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    with Journal(tmp_path) as journal:
        journal.write("step", step=1)
    with path.open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(UserError, match=r"line 2: is not a journal event .*; remove that line, or .*--fresh"):
        list(read_events(path))


def test_a_journal_that_is_not_there_yet_has_no_events(tmp_path: Path) -> None:
    assert list(read_events(tmp_path / JOURNAL)) == []


def test_a_number_that_is_not_finite_never_reaches_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        with pytest.raises(ValueError, match="JSON compliant"):
            journal.write("step", loss=float("nan"))
        journal.write("step", loss=1.0)
    assert [event["seq"] for event, _ in read_events(tmp_path / JOURNAL)] == [0]
