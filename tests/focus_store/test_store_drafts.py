"""Drafts that are changed before they are queued, and what stands on forms that are not sent; on both databases."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import func, select, update

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_store.contracts import DesiredState
from focus_store.database.tables import ExperimentParam, UnfinishedForm
from focus_store.database.transitions import Conflict
from focus_store.record.forms import KEPT_FOR, KEPT_FORMS
from focus_store.record.record import Record


def with_epochs(config: ExperimentConfig, epochs: int) -> ExperimentConfig:
    plain = config.to_dict()
    plain["training"]["num_epochs"] = epochs
    return validate_config(plain)


@pytest.fixture
def draft(record: Record, config: ExperimentConfig) -> str:
    return record.experiments.create(config, draft=True, tags=["first"])


class TestDrafts:
    def test_a_draft_gets_another_configuration_and_tags_and_an_event_that_says_so(
        self, record: Record, config: ExperimentConfig, draft: str
    ) -> None:
        token = record.experiments.change_token(draft)
        record.drafts.change(
            draft, with_epochs(config, 7), before=config.to_dict(), tags=["second"], expected_tags=["first"]
        )
        detail = record.experiments.get(draft)
        assert (detail.summary.status, detail.summary.num_epochs, detail.summary.tags) == ("draft", 7, ("second",))
        assert detail.config_digest == with_epochs(config, 7).digest()
        assert record.experiments.change_token(draft) > token
        assert record.experiments.events(draft)[0].message == "the draft was changed: training.num_epochs"
        with record.database.reading() as session:
            query = select(ExperimentParam.number).where(ExperimentParam.key == "training.num_epochs")
            assert session.scalars(query).all() == [7.0]

    def test_a_changed_draft_is_queued_in_the_same_step(
        self, record: Record, config: ExperimentConfig, draft: str
    ) -> None:
        record.drafts.change(draft, with_epochs(config, 7), before=config.to_dict(), tags=[], queue=True)
        summary = record.experiments.get(draft).summary
        assert (summary.status, summary.num_epochs) == ("queued", 7)
        assert record.leases.claim_row("experiment", draft, "worker") is not None

    def test_a_draft_that_was_changed_elsewhere_is_left_as_it_is(
        self, record: Record, config: ExperimentConfig, draft: str
    ) -> None:
        record.drafts.change(draft, with_epochs(config, 7), before=config.to_dict(), tags=[])
        with pytest.raises(Conflict, match=r"changed elsewhere since you began \(training.num_epochs\)") as refused:
            record.drafts.change(draft, with_epochs(config, 9), before=config.to_dict(), tags=[], queue=True)
        summary = record.experiments.get(draft).summary
        assert (summary.status, summary.num_epochs) == ("draft", 7)
        both = refused.value.mine, refused.value.theirs
        assert [plain["training"]["num_epochs"] for plain in both] == [9, 7]

    def test_tags_that_were_given_elsewhere_meanwhile_stay_and_those_taken_away_go(
        self, record: Record, config: ExperimentConfig, draft: str
    ) -> None:
        record.notes.set_tags(draft, ["first", "theirs"], expected=["first"])
        record.drafts.change(draft, config, before=config.to_dict(), tags=["mine"], expected_tags=["first"])
        assert record.experiments.get(draft).summary.tags == ("mine", "theirs")

    def test_what_was_queued_meanwhile_keeps_its_settings(
        self, record: Record, config: ExperimentConfig, draft: str
    ) -> None:
        record.experiments.request(draft, DesiredState.RUN)
        with pytest.raises(Conflict, match="no draft any more"):
            record.drafts.change(draft, with_epochs(config, 9), before=config.to_dict(), tags=[])
        assert record.experiments.get(draft).summary.num_epochs == config.training.num_epochs


class TestUnfinishedForms:
    def test_what_was_kept_is_found_under_its_token(self, record: Record) -> None:
        first = record.forms.keep({"text": "a"}, "page", None)
        second = record.forms.keep({"text": "b"}, "page", first)
        assert second.token == first.token
        assert record.forms.get(first.token) == second
        record.forms.forget(first.token)
        assert record.forms.get(first.token) is None

    def test_of_two_pages_on_one_form_the_second_goes_on_under_its_own_token(self, record: Record) -> None:
        first = record.forms.keep({"text": "a"}, "page", None)
        seen_by_other = record.forms.get(first.token)
        mine = record.forms.keep({"text": "mine"}, "page", first)
        theirs = record.forms.keep({"text": "theirs"}, "other page", seen_by_other)
        assert theirs.token != mine.token
        kept = [record.forms.get(form.token) for form in (mine, theirs)]
        assert [form.content["text"] for form in kept if form] == ["mine", "theirs"]

    def test_a_page_that_was_stopped_before_it_heard_of_its_own_write_goes_on_with_it(self, record: Record) -> None:
        first = record.forms.keep({"text": "a"}, "page", None)
        record.forms.keep({"text": "b"}, "page", first)
        again = record.forms.keep({"text": "c"}, "page", first)
        assert (again.token, again.version) == (first.token, 3)

    def test_only_the_newest_of_the_last_weeks_are_kept(self, record: Record) -> None:
        old = record.forms.keep({}, "page", None)
        with record.database.writing() as session:
            long_ago = datetime.datetime.now(datetime.UTC) - 2 * KEPT_FOR
            session.execute(update(UnfinishedForm).values(changed_at=long_ago))
        forms = [record.forms.keep({"n": n}, "page", None) for n in range(KEPT_FORMS + 3)]
        with record.database.reading() as session:
            assert session.scalar(select(func.count(UnfinishedForm.token))) == KEPT_FORMS
        assert record.forms.get(old.token) is None
        assert record.forms.get(forms[-1].token) is not None
