"""Two windows on one experiment: neither loses what the other wrote."""

from __future__ import annotations

from typing import Any

from page_alone import html, open_page
from streamlit.testing.v1 import AppTest


def write(app: AppTest, text: str) -> None:
    app.text_area[0].set_value(text).run()


def both(small: Any) -> tuple[AppTest, AppTest]:
    """Two windows that saw the empty note; the first wrote before the second."""
    first, second = (open_page("experiment", id=small.finished) for _ in range(2))
    write(first, "first text")
    write(second, "second text")
    return first, second


def test_the_second_window_shows_both_texts_and_so_does_one_that_is_loaded_anew(small_laboratory: Any) -> None:
    _, second = both(small_laboratory)
    for app in (second, open_page("experiment", id=small_laboratory.finished)):
        assert ">first text<" in html(app)
        assert ">second text<" in html(app)
        assert app.text_area[0].value == "first text\n\nsecond text", "to be made into one"
    assert small_laboratory.record.experiments.get(small_laboratory.finished).notes == "first text"


def test_either_text_is_kept_or_one_that_is_made_of_both(small_laboratory: Any) -> None:
    record, one = small_laboratory.record, small_laboratory.finished
    for button, note in (("keep-theirs", "first text"), ("keep-mine-0", "second text"), ("keep-joined", "one of both")):
        record.notes.set(one, "", expected=record.experiments.get(one).notes)
        _, second = both(small_laboratory)
        if button == "keep-joined":
            second.text_area[0].set_value("one of both")
        second.button(key=button).click().run()
        assert record.experiments.get(one).notes == note
        assert second.text_area[0].value == note
        assert record.notes.refused(one).texts == ()


def test_what_the_first_window_writes_before_it_knows_is_kept_as_well(small_laboratory: Any) -> None:
    first, _ = both(small_laboratory)
    write(first, "first text, longer")
    assert ">first text, longer<" in html(first)
    assert ">second text<" in html(first)


def test_a_window_that_wrote_nothing_is_told_of_a_newer_text_and_shows_it_on_request(small_laboratory: Any) -> None:
    app = open_page("experiment", id=small_laboratory.finished)
    small_laboratory.record.notes.set(small_laboratory.finished, "by another window", expected="")
    app.run()
    assert "Another window has written here since" in html(app)
    app.button(key="show-newer-note").click().run()
    assert app.text_area[0].value == "by another window"


def test_tags_of_two_windows_are_put_together(small_laboratory: Any) -> None:
    record, one = small_laboratory.record, small_laboratory.finished
    first, second = (open_page("experiment", id=one) for _ in range(2))
    first.multiselect(key=f"tags-{one}").set_value(["baseline", "mine"]).run()
    second.multiselect(key=f"tags-{one}").set_value(["theirs"]).run()
    assert set(record.experiments.get(one).summary.tags) == {"mine", "theirs"}, "the second took baseline away"
    first.run()
    assert set(first.multiselect(key=f"tags-{one}").value) == {"mine", "theirs"}
