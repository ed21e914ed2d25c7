"""Two who write at the same time: of notes both texts stay, of tags both changes are done. On both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from racing import RACERS, race

from focus_core.config import ExperimentConfig
from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.transitions import Conflict


@pytest.fixture
def other(repository: Repository) -> Iterator[Repository]:
    """A second window: a session of its own on the same record."""
    found = open_record(repository.settings)
    yield found
    found.close()


def _write_note(repository: Repository, i: int) -> str:
    one = repository.list_experiments()[0].id
    try:
        repository.set_notes(one, f"text {i}", expected="")
    except Conflict as conflict:
        return str(conflict.theirs)
    return f"text {i}"


def _tag(repository: Repository, i: int) -> None:
    repository.set_tags(repository.list_experiments()[0].id, ["old", f"tag {i}"], expected=["old", "gone"])


class TestNotes:
    def test_a_note_that_another_wrote_since_is_not_written_over_and_both_texts_stay(
        self, repository: Repository, other: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config)
        repository.set_notes(one, "first", expected="")
        before = repository.change_token(one)
        with pytest.raises(Conflict) as refused:
            other.set_notes(one, "second", expected="")
        assert (refused.value.mine, refused.value.theirs) == ("second", "first")
        assert repository.experiment(one).notes == "first"
        assert repository.refused_notes(one).texts == ("second",), "for a window that is loaded anew"
        assert repository.change_token(one) > before

    def test_a_text_made_of_both_settles_them_and_one_that_comes_meanwhile_is_kept_too(
        self, repository: Repository, other: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config)
        repository.set_notes(one, "first", expected="")
        for text in ("second", "second", "third"):
            with pytest.raises(Conflict):
                other.set_notes(one, text, expected="")
        seen = repository.refused_notes(one)
        assert seen.texts == ("second", "third")
        with pytest.raises(Conflict):
            other.set_notes(one, "fourth", expected="")
        repository.settle_notes(one, "first, second and third", expected="first", last=seen.last)
        assert repository.experiment(one).notes == "first, second and third"
        assert repository.refused_notes(one).texts == ("fourth",), "nobody had seen it when the others were settled"

    def test_settling_with_a_note_that_changed_meanwhile_is_refused_like_any_writing(
        self, repository: Repository, other: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config)
        repository.set_notes(one, "first", expected="")
        with pytest.raises(Conflict):
            other.set_notes(one, "second", expected="")
        seen = repository.refused_notes(one)
        repository.set_notes(one, "first again", expected="first")
        with pytest.raises(Conflict):
            other.settle_notes(one, "merged", expected="first", last=seen.last)
        assert repository.experiment(one).notes == "first again"
        assert repository.refused_notes(one).texts == ("second", "merged")

    def test_the_same_text_written_twice_is_no_conflict(
        self, repository: Repository, other: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config)
        repository.set_notes(one, "first", expected="")
        other.set_notes(one, "first", expected="")
        assert repository.refused_notes(one).texts == ()

    def test_of_several_texts_written_at_the_same_moment_every_one_is_there(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config)
        winner = {*race(repository, _write_note)}
        assert winner == {repository.experiment(one).notes}
        written = {repository.experiment(one).notes, *repository.refused_notes(one).texts}
        assert written == {f"text {i}" for i in range(RACERS)}


class TestTags:
    def test_what_each_added_and_took_away_is_done(
        self, repository: Repository, other: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config, tags=["old", "gone"])
        repository.set_tags(one, ["old", "mine"], expected=["old", "gone"])
        other.set_tags(one, ["old", "gone", "theirs"], expected=["old", "gone"])
        assert repository.experiment(one).summary.tags == ("mine", "old", "theirs")

    def test_tags_given_to_marked_experiments_at_the_same_moment_are_all_there(
        self, repository: Repository, config: ExperimentConfig
    ) -> None:
        one = repository.create_experiment(config, tags=["old", "gone"])
        race(repository, _tag)
        assert set(repository.experiment(one).summary.tags) == {"old", *(f"tag {i}" for i in range(RACERS))}
