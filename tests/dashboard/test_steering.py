"""A walk of clicks comes to every button within its minutes: it is led to what it has not pressed yet."""

from __future__ import annotations

import random
from collections import Counter

from buttons_of_pages import PAGES, to_be_pressed
from steering import PATHS, WAYS, next_to_reach, rarest, way_to, weighted


def test_there_is_a_way_to_every_button_and_none_to_what_is_not_there() -> None:
    assert set(PATHS) == set(PAGES)
    assert set(WAYS) - to_be_pressed() == set()
    passed = {other for way in WAYS.values() for other in way.presses}
    assert passed - to_be_pressed() == set()
    for button in to_be_pressed():
        assert way_to(button).path.format(one="a", other="b", sample="c").partition("?")[0] in ("", *PAGES)


def test_what_was_pressed_least_is_chosen_from() -> None:
    assert rarest(["new/queue", "new/draft", "new/queue"], {"new/queue": 2, "new/draft": 1}) == [1]
    assert rarest(["new/queue", "new/draft"], {}) == [0, 1]


def test_a_page_is_the_more_likely_the_more_of_its_buttons_are_to_come() -> None:
    likely = weighted({"new": 1.0, "compare": 2.0, "sample": 1.0}, {"new/queue", "new/draft", "compare/csv-loss"})
    assert likely == {"new": 3.0, "compare": 4.0, "sample": 1.0}


def test_each_button_that_is_to_come_has_its_turn_before_one_is_tried_again() -> None:
    missing, tried, draw = {"new/queue", "new/draft", "experiments/restore"}, Counter[str](), random.Random(0)
    for turn in range(1, 4):
        for _ in missing:
            button = next_to_reach(missing, tried, draw)
            assert button is not None
            tried[button] += 1
        assert tried == dict.fromkeys(missing, turn)
    assert next_to_reach(set(), tried, draw) is None


def test_one_seed_leads_the_same_way_twice() -> None:
    def led(seed: int) -> list[str | None]:
        draw = random.Random(seed)
        return [next_to_reach(to_be_pressed(), {}, draw) for _ in range(20)]

    assert led(0) == led(0) != led(1)
