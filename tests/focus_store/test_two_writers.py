"""Two who write at the same time: of notes both texts stay, of tags both changes are done. On both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from racing import RACERS, race

from focus_core.config.experiment import ExperimentConfig
from focus_store.database.transitions import Conflict
from focus_store.record.record import Record, open_record


@pytest.fixture
def other(record: Record) -> Iterator[Record]:
    """A second window: a session of its own on the same record."""
    found = open_record(record.settings)
    yield found
    found.close()


def _write_note(record: Record, i: int) -> str:
    one = record.experiments.find()[0].id
    try:
        record.notes.set(one, f"text {i}", expected="")
    except Conflict as conflict:
        return str(conflict.theirs)
    return f"text {i}"


def _tag(record: Record, i: int) -> None:
    record.notes.set_tags(record.experiments.find()[0].id, ["old", f"tag {i}"], expected=["old", "gone"])


class TestNotes:
    def test_a_note_that_another_wrote_since_is_not_written_over_and_both_texts_stay(
        self, record: Record, other: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config)
        record.notes.set(one, "first", expected="")
        before = record.experiments.change_token(one)
        with pytest.raises(Conflict) as refused:
            other.notes.set(one, "second", expected="")
        assert (refused.value.mine, refused.value.theirs) == ("second", "first")
        assert record.experiments.get(one).notes == "first"
        assert record.notes.refused(one).texts == ("second",), "for a window that is loaded anew"
        assert record.experiments.change_token(one) > before

    def test_a_text_made_of_both_settles_them_and_one_that_comes_meanwhile_is_kept_too(
        self, record: Record, other: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config)
        record.notes.set(one, "first", expected="")
        for text in ("second", "second", "third"):
            with pytest.raises(Conflict):
                other.notes.set(one, text, expected="")
        seen = record.notes.refused(one)
        assert seen.texts == ("second", "third")
        with pytest.raises(Conflict):
            other.notes.set(one, "fourth", expected="")
        record.notes.settle(one, "first, second and third", expected="first", last=seen.last)
        assert record.experiments.get(one).notes == "first, second and third"
        assert record.notes.refused(one).texts == ("fourth",), "nobody had seen it when the others were settled"

    def test_settling_with_a_note_that_changed_meanwhile_is_refused_like_any_writing(
        self, record: Record, other: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config)
        record.notes.set(one, "first", expected="")
        with pytest.raises(Conflict):
            other.notes.set(one, "second", expected="")
        seen = record.notes.refused(one)
        record.notes.set(one, "first again", expected="first")
        with pytest.raises(Conflict):
            other.notes.settle(one, "merged", expected="first", last=seen.last)
        assert record.experiments.get(one).notes == "first again"
        assert record.notes.refused(one).texts == ("second", "merged")

    def test_the_same_text_written_twice_is_no_conflict(
        self, record: Record, other: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config)
        record.notes.set(one, "first", expected="")
        other.notes.set(one, "first", expected="")
        assert record.notes.refused(one).texts == ()

    def test_of_several_texts_written_at_the_same_moment_every_one_is_there(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config)
        winner = {*race(record, _write_note)}
        assert winner == {record.experiments.get(one).notes}
        written = {record.experiments.get(one).notes, *record.notes.refused(one).texts}
        assert written == {f"text {i}" for i in range(RACERS)}


class TestTags:
    def test_what_each_added_and_took_away_is_done(
        self, record: Record, other: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config, tags=["old", "gone"])
        record.notes.set_tags(one, ["old", "mine"], expected=["old", "gone"])
        other.notes.set_tags(one, ["old", "gone", "theirs"], expected=["old", "gone"])
        assert record.experiments.get(one).summary.tags == ("mine", "old", "theirs")

    def test_tags_given_to_marked_experiments_at_the_same_moment_are_all_there(
        self, record: Record, config: ExperimentConfig
    ) -> None:
        one = record.experiments.create(config, tags=["old", "gone"])
        race(record, _tag)
        assert set(record.experiments.get(one).summary.tags) == {"old", *(f"tag {i}" for i in range(RACERS))}
