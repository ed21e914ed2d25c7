"""What the reader does on the page *New*, and what then stands there."""

from __future__ import annotations

import json

import pytest

from dashboard.views.new.draft import NAME, TAGS, WAITS, YAML, Draft, begun, content, discarded, restored, taken_in
from focus_core.config.experiment import parse_config

TEXT = """experiment: {name: first}
data: {dataset: quick}
training:
  batch_size: 32  # fits
  lr: 1.0e-4
"""
BATCH, RATE, DECAY = "f-training.batch_size", "f-training.lr", "f-training.weight_decay"
AUGMENTED, METHOD, MULTIPLES = "f-training.use_augmentation", "f-method", "f-model.channel_mults"
DDIM, TIMESTEPS = "f-sampling.ddim_timesteps", "f-diffusion.timesteps"
FIRST_BETA, LAST_BETA = "f-diffusion.beta_start", "f-diffusion.beta_end"


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
        after = taken_in(draft, typed(draft, **{BATCH: "48"}))
        assert after.config.training.batch_size == 48
        assert after.text == TEXT.replace("32", "48")
        assert after.error is None

    def test_fields_follow_the_yaml(self, draft: Draft) -> None:
        after = taken_in(draft, typed(draft, **{YAML: TEXT.replace("32", "48")}))
        assert (after.shown[BATCH], after.config.training.batch_size) == ("48", 48)

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
        assert after.shown[BATCH] == "16"


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

    @pytest.mark.parametrize(
        ("other", "value"), [(BATCH, "48"), (METHOD, "flow"), (NAME, "second"), (TAGS, ["a"]), (AUGMENTED, True)]
    )
    def test_it_stays_whatever_else_is_changed_and_the_other_change_counts(
        self, draft: Draft, other: str, value: object
    ) -> None:
        refused = taken_in(draft, typed(draft, **{RATE: "50"}))
        after = taken_in(refused, typed(draft, **{RATE: "50", other: value}))
        assert after.standing(RATE) == "50"
        assert after.key(RATE) == draft.key(RATE), "the reader's text stays where it was typed"
        assert "less than or equal to 10" in after.refused[RATE].sentence
        assert after.shown[other] == value
        assert after.config.training.lr == 1e-4

    def test_several_are_refused_at_once_and_mended_one_by_one(self, draft: Draft) -> None:
        both = taken_in(draft, typed(draft, **{RATE: "50", BATCH: "0"}))
        assert set(both.refused) == {RATE, BATCH}
        one = taken_in(both, typed(draft, **{RATE: "0.5", BATCH: "0"}))
        assert set(one.refused) == {BATCH}
        assert one.config.training.lr == 0.5
        assert taken_in(one, typed(one, **{RATE: "0.5", BATCH: "32"})).refused == {}

    def test_it_stays_beside_a_change_of_the_yaml_that_says_nothing_of_it(self, draft: Draft) -> None:
        refused = taken_in(draft, typed(draft, **{RATE: "50"}))
        after = taken_in(refused, typed(draft, **{RATE: "50", YAML: TEXT.replace("32", "48")}))
        assert set(after.refused) == {RATE}
        assert after.config.training.batch_size == 48

    def test_a_yaml_that_sets_it_anew_takes_its_place(self, draft: Draft) -> None:
        refused = taken_in(draft, typed(draft, **{RATE: "50"}))
        after = taken_in(refused, typed(draft, **{RATE: "50", YAML: TEXT.replace("1.0e-4", "0.5")}))
        assert after.refused == {}
        assert after.shown[RATE] == "0.5"

    def test_it_is_taken_in_once_another_setting_makes_it_possible(self, draft: Draft) -> None:
        refused = taken_in(draft, typed(draft, **{DDIM: "2000"}))
        assert "are too many; DDIM takes 1,000 or fewer" in refused.refused[DDIM].sentence
        after = taken_in(refused, typed(draft, **{DDIM: "2000", TIMESTEPS: "4000"}))
        assert after.refused == {}
        assert (after.config.sampling.ddim_timesteps, after.config.diffusion.timesteps) == (2000, 4000)

    def test_two_that_are_possible_together_alone_are_taken_in_together(self, draft: Draft) -> None:
        text = TEXT + "diffusion: {beta_start: 0.01, beta_end: 0.02}\n"
        start = begun("recipe:r", parse_config(text), text, None, {})
        first = taken_in(start, typed(start, **{LAST_BETA: "0.005"}))
        assert set(first.refused) == {LAST_BETA}
        second = taken_in(first, typed(start, **{LAST_BETA: "0.005", FIRST_BETA: "0.05"}))
        assert set(second.refused) == {LAST_BETA, FIRST_BETA}
        third = taken_in(second, typed(start, **{LAST_BETA: "0.06", FIRST_BETA: "0.05"}))
        assert third.refused == {}
        assert (third.config.diffusion.beta_start, third.config.diffusion.beta_end) == (0.05, 0.06)

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (BATCH, ""),
            (BATCH, "1.5"),
            (BATCH, "9" * 5000),
            (RATE, "nan"),
            (RATE, "1,5"),
            (MULTIPLES, "1, x"),
            (NAME, ""),
        ],
    )
    def test_what_is_typed_never_becomes_another_value(self, draft: Draft, place: str, value: str) -> None:
        after = taken_in(draft, typed(draft, **{place: value}))
        assert after.standing(place) == value
        assert set(after.refused) == {place}
        assert after.config == draft.config

    @pytest.mark.parametrize("number", ["0.123456789", "1e-3", "5", "1.23456789012e-7"])
    def test_a_number_is_shown_with_all_its_digits(self, draft: Draft, number: str) -> None:
        after = taken_in(draft, typed(draft, **{RATE: number, DECAY: "0"}))
        assert float(after.shown[RATE]) == after.config.training.lr == float(number)
        assert parse_config(after.text) == after.config

    def test_beside_a_broken_yaml_the_form_waits(self, draft: Draft) -> None:
        broken = TEXT.replace("batch_size", "bach_size")
        refused = taken_in(draft, typed(draft, **{YAML: broken}))
        assert "did you mean training.batch_size" in str(refused.error)
        after = taken_in(refused, typed(draft, **{YAML: broken, BATCH: "48"}))
        assert after.refused[BATCH].sentence == WAITS
        assert set(after.refused) == {YAML, BATCH}
        assert after.config == draft.config

    def test_a_field_that_waited_is_taken_in_once_the_yaml_is_mended_or_discarded(self, draft: Draft) -> None:
        seen = typed(draft, **{YAML: "nothing", BATCH: "48"})
        waits = taken_in(draft, seen)
        mended = taken_in(waits, typed(draft, **{YAML: TEXT.replace("1.0e-4", "0.5"), BATCH: "48"}))
        assert (mended.config.training.batch_size, mended.config.training.lr) == (48, 0.5)
        given_up = discarded(waits, seen, {YAML})
        assert (given_up.refused, given_up.config.training.batch_size) == ({}, 48)

    def test_a_mended_yaml_brings_the_field_that_waited_back(self, draft: Draft) -> None:
        broken, mended = TEXT.replace("batch_size", "bach_size"), TEXT.replace("32", "16")
        waits = taken_in(taken_in(draft, typed(draft, **{YAML: broken})), typed(draft, **{YAML: broken, BATCH: "48"}))
        after = taken_in(waits, typed(draft, **{YAML: mended, BATCH: "48"}))
        assert after.error is None
        assert (after.config.training.batch_size, after.shown[BATCH]) == (16, "16")

    def test_discarding_shows_the_configuration_again(self, draft: Draft) -> None:
        seen = typed(draft, **{YAML: "nothing"})
        after = discarded(taken_in(draft, seen), seen)
        assert after.error is None
        assert after.key(YAML) != draft.key(YAML)
        assert after.shown[YAML] == TEXT

    def test_one_of_several_is_discarded_alone(self, draft: Draft) -> None:
        seen = typed(draft, **{RATE: "50", BATCH: "0"})
        after = discarded(taken_in(draft, seen), seen, {RATE})
        assert set(after.refused) == {BATCH}
        assert after.key(RATE) != draft.key(RATE)
        assert after.key(BATCH) == draft.key(BATCH)


class TestKeeping:
    def test_what_is_kept_comes_back_whole_with_what_was_refused(self, draft: Draft) -> None:
        left = taken_in(draft, typed(draft, **{RATE: "50", BATCH: "48", NAME: "second", TAGS: ["a"]}))
        back = restored(json.loads(json.dumps(content(left))), None, {})
        assert (back.config, back.text, back.tags) == (left.config, left.text, ("a",))
        assert (back.refused, back.shown, back.editions) == (left.refused, left.shown, left.editions)
        assert back.standing(RATE) == "50"

    def test_on_a_page_that_shows_another_draft_its_widgets_give_way(self, draft: Draft) -> None:
        left = taken_in(draft, typed(draft, **{RATE: "50"}))
        other = TEXT.replace("32", "16")
        there = begun("recipe:other", parse_config(other), other, None, {})
        back = restored(content(left), there, typed(there))
        assert back.key(BATCH) != there.key(BATCH)
        assert back.key(RATE) != there.key(RATE)
