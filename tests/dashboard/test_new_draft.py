"""What the reader does on the page *New*, and what then stands there."""

from __future__ import annotations

import pytest

from dashboard.draft import NAME, YAML, Draft, begun, discarded, taken_in
from focus_core.config import parse_config

TEXT = """experiment: {name: first}
data: {dataset: quick}
training:
  batch_size: 32  # fits
  lr: 1.0e-4
"""
BATCH, RATE = "f-training.batch_size", "f-training.lr"


@pytest.fixture
def draft() -> Draft:
    return begun("recipe:r", parse_config(TEXT), TEXT, None, {})


def typed(draft: Draft, **changes: object) -> dict[str, object]:
    """What all widgets show after the reader changed some."""
    return {**draft.shown, **changes}


class TestChanges:
    def test_nothing_changed_is_the_same_draft(self, draft: Draft) -> None:
        assert taken_in(draft, typed(draft)) is draft
        assert taken_in(draft, {}) is draft, "widgets that do not stand say nothing"

    def test_the_yaml_follows_a_field_and_keeps_its_comments(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{BATCH: 48}))
        assert after.config.training.batch_size == 48
        assert after.text == TEXT.replace("32", "48")
        assert after.error is None

    def test_fields_follow_the_yaml(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{YAML: TEXT.replace("32", "48")}))
        assert after.shown[BATCH] == after.config.training.batch_size == 48

    def test_the_name_is_a_setting_too(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{NAME: "second"}))
        assert after.config.experiment.name == "second"
        assert "name: second" in after.text

    def test_a_field_and_the_yaml_changed_at_once_are_both_kept(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{RATE: "3e-4", YAML: TEXT.replace("32", "48")}))
        assert (after.config.training.lr, after.config.training.batch_size) == (3e-4, 48)

    def test_taking_in_the_same_again_changes_nothing(self, draft: Draft) -> None:
        seen = typed(draft, **{YAML: TEXT.replace("32", "48")})
        after = taken_in(draft, seen)
        standing = {place: value for place, value in seen.items() if after.key(place) == draft.key(place)}
        assert taken_in(after, standing) is after


class TestEditions:
    def test_only_a_widget_that_shows_something_else_gives_way(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{YAML: TEXT.replace("32", "48")}))
        assert after.key(BATCH) != draft.key(BATCH)
        assert after.key(YAML) == draft.key(YAML), "it already shows what was typed"
        assert after.key(RATE) == draft.key(RATE)

    def test_another_origin_on_the_same_page_is_heard_in_new_editions(self, draft: Draft) -> None:
        other = TEXT.replace("32", "16")
        after = begun("recipe:other", parse_config(other), other, draft, typed(draft))
        assert after.key(BATCH) != draft.key(BATCH)
        assert after.shown[BATCH] == 16


class TestRefusals:
    def test_what_cannot_be_is_said_and_changes_neither_side(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{RATE: "fast"}))
        assert "training.lr" in str(after.error)
        assert (after.text, after.config) == (draft.text, draft.config)
        assert after.key(RATE) == draft.key(RATE), "the reader's text stays where it was typed"
        assert taken_in(after, typed(draft, **{RATE: "fast"})) is after

    def test_it_is_forgotten_when_the_reader_takes_it_back(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{RATE: "fast"}))
        assert taken_in(after, typed(draft)).error is None

    def test_it_is_forgotten_when_another_change_is_accepted(self, draft: Draft) -> None:
        refused = taken_in(draft, typed(draft, **{RATE: "fast"}))
        after = taken_in(refused, typed(draft, **{RATE: "fast", BATCH: 48}))
        assert after.error is None
        assert after.key(RATE) != draft.key(RATE), "the field shows the setting again"

    def test_beside_a_broken_yaml_the_form_waits(self, draft: Draft) -> None:
        broken = TEXT.replace("batch_size", "bach_size")
        refused = taken_in(draft, typed(draft, **{YAML: broken}))
        assert "did you mean training.batch_size" in str(refused.error)
        after = taken_in(refused, typed(draft, **{YAML: broken, BATCH: 48}))
        assert str(after.error).endswith("before the form is changed.")
        assert after.config == draft.config

    def test_a_mended_yaml_brings_the_field_that_waited_back(self, draft: Draft) -> None:
        broken, mended = TEXT.replace("batch_size", "bach_size"), TEXT.replace("32", "16")
        waits = taken_in(taken_in(draft, typed(draft, **{YAML: broken})), typed(draft, **{YAML: broken, BATCH: 48}))
        after = taken_in(waits, typed(draft, **{YAML: mended, BATCH: 48}))
        assert after.error is None
        assert after.config.training.batch_size == after.shown[BATCH] == 16

    def test_discarding_shows_the_configuration_again(self, draft: Draft) -> None:
        seen = typed(draft, **{YAML: "nothing"})
        after = discarded(taken_in(draft, seen), seen)
        assert after.error is None
        assert after.key(YAML) != draft.key(YAML)
        assert after.shown[YAML] == TEXT
