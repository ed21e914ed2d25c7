"""Drafts that are changed before they are queued, and what stands on forms that are not sent; on both databases."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import func, select, update

from focus_core.config import ExperimentConfig, validate_config
from focus_store.contracts import DesiredState
from focus_store.repository import Repository
from focus_store.tables import ExperimentParam, UnfinishedForm
from focus_store.transitions import Conflict
from focus_store.unfinished import KEPT_FOR, KEPT_FORMS


def with_epochs(config: ExperimentConfig, epochs: int) -> ExperimentConfig:
    plain = config.to_dict()
    plain["training"]["num_epochs"] = epochs
    return validate_config(plain)


@pytest.fixture
def draft(repository: Repository, config: ExperimentConfig) -> str:
    return repository.create_experiment(config, draft=True, tags=["first"])


class TestDrafts:
    def test_a_draft_gets_another_configuration_and_tags_and_an_event_that_says_so(
        self, repository: Repository, config: ExperimentConfig, draft: str
    ) -> None:
        token = repository.change_token(draft)
        repository.change_draft(
            draft, with_epochs(config, 7), before=config.to_dict(), tags=["second"], expected_tags=["first"]
        )
        detail = repository.experiment(draft)
        assert (detail.summary.status, detail.summary.num_epochs, detail.summary.tags) == ("draft", 7, ("second",))
        assert detail.config_digest == with_epochs(config, 7).digest()
        assert repository.change_token(draft) > token
        assert repository.events(draft)[0].message == "the draft was changed: training.num_epochs"
        with repository.reading() as session:
            query = select(ExperimentParam.number).where(ExperimentParam.key == "training.num_epochs")
            assert session.scalars(query).all() == [7.0]

    def test_a_changed_draft_is_queued_in_the_same_step(
        self, repository: Repository, config: ExperimentConfig, draft: str
    ) -> None:
        repository.change_draft(draft, with_epochs(config, 7), before=config.to_dict(), tags=[], queue=True)
        summary = repository.experiment(draft).summary
        assert (summary.status, summary.num_epochs) == ("queued", 7)
        assert repository.claim_row("experiment", draft, "worker") is not None

    def test_a_draft_that_was_changed_elsewhere_is_left_as_it_is(
        self, repository: Repository, config: ExperimentConfig, draft: str
    ) -> None:
        repository.change_draft(draft, with_epochs(config, 7), before=config.to_dict(), tags=[])
        with pytest.raises(Conflict, match=r"changed elsewhere since you began \(training.num_epochs\)") as refused:
            repository.change_draft(draft, with_epochs(config, 9), before=config.to_dict(), tags=[], queue=True)
        summary = repository.experiment(draft).summary
        assert (summary.status, summary.num_epochs) == ("draft", 7)
        both = refused.value.mine, refused.value.theirs
        assert [plain["training"]["num_epochs"] for plain in both] == [9, 7]

    def test_tags_that_were_given_elsewhere_meanwhile_stay_and_those_taken_away_go(
        self, repository: Repository, config: ExperimentConfig, draft: str
    ) -> None:
        repository.set_tags(draft, ["first", "theirs"], expected=["first"])
        repository.change_draft(draft, config, before=config.to_dict(), tags=["mine"], expected_tags=["first"])
        assert repository.experiment(draft).summary.tags == ("mine", "theirs")

    def test_what_was_queued_meanwhile_keeps_its_settings(
        self, repository: Repository, config: ExperimentConfig, draft: str
    ) -> None:
        repository.request(draft, DesiredState.RUN)
        with pytest.raises(Conflict, match="no draft any more"):
            repository.change_draft(draft, with_epochs(config, 9), before=config.to_dict(), tags=[])
        assert repository.experiment(draft).summary.num_epochs == config.training.num_epochs


class TestUnfinishedForms:
    def test_what_was_kept_is_found_under_its_token(self, repository: Repository) -> None:
        first = repository.keep_unfinished({"text": "a"}, "page", None)
        second = repository.keep_unfinished({"text": "b"}, "page", first)
        assert second.token == first.token
        assert repository.unfinished(first.token) == second
        repository.forget_unfinished(first.token)
        assert repository.unfinished(first.token) is None

    def test_of_two_pages_on_one_form_the_second_goes_on_under_its_own_token(self, repository: Repository) -> None:
        first = repository.keep_unfinished({"text": "a"}, "page", None)
        seen_by_other = repository.unfinished(first.token)
        mine = repository.keep_unfinished({"text": "mine"}, "page", first)
        theirs = repository.keep_unfinished({"text": "theirs"}, "other page", seen_by_other)
        assert theirs.token != mine.token
        kept = [repository.unfinished(form.token) for form in (mine, theirs)]
        assert [form.content["text"] for form in kept if form] == ["mine", "theirs"]

    def test_a_page_that_was_stopped_before_it_heard_of_its_own_write_goes_on_with_it(
        self, repository: Repository
    ) -> None:
        first = repository.keep_unfinished({"text": "a"}, "page", None)
        repository.keep_unfinished({"text": "b"}, "page", first)
        again = repository.keep_unfinished({"text": "c"}, "page", first)
        assert (again.token, again.version) == (first.token, 3)

    def test_only_the_newest_of_the_last_weeks_are_kept(self, repository: Repository) -> None:
        old = repository.keep_unfinished({}, "page", None)
        with repository.writing() as session:
            long_ago = datetime.datetime.now(datetime.UTC) - 2 * KEPT_FOR
            session.execute(update(UnfinishedForm).values(changed_at=long_ago))
        forms = [repository.keep_unfinished({"n": n}, "page", None) for n in range(KEPT_FORMS + 3)]
        with repository.reading() as session:
            assert session.scalar(select(func.count(UnfinishedForm.token))) == KEPT_FORMS
        assert repository.unfinished(old.token) is None
        assert repository.unfinished(forms[-1].token) is not None
