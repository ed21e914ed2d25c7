"""The page of a dataset takes it out of the record, says where its files stay, and knows a path that it has already."""

from __future__ import annotations

from typing import Any

import numpy as np
from page_alone import html, open_page
from prepared_record import move, theta

from focus_core.data.folder import Description, write_folder
from focus_core.parameters import WCDM6
from focus_store.contracts import Status


def test_a_dataset_that_is_needed_is_not_removed_and_the_page_names_who_needs_it(small_laboratory: Any) -> None:
    app = open_page("datasets", dataset="quick")
    app.button(key="remove-dataset").click().run()
    assert f"is needed by Queued one ({small_laboratory.queued})" in app.warning[-1].value, "it stands at the button"
    assert small_laboratory.record.datasets.get("quick")


def test_a_dataset_is_removed_after_a_question_and_its_experiments_keep_their_pages(small_laboratory: Any) -> None:
    record, path = small_laboratory.record, small_laboratory.record.datasets.get("quick").path
    move(record, small_laboratory.queued, Status.CANCELLED)
    app = open_page("datasets", dataset="quick")
    app.button(key="remove-dataset").click().run()
    assert any(f"files stay at `{path}`" in warning.value for warning in app.warning), html(app)
    assert record.datasets.get("quick"), "nothing goes before the answer"
    app.button(key="confirm-remove-dataset").click().run()
    assert not app.exception
    assert f"quick was removed from the record. Its files stay at {path}" in html(app)
    assert record.datasets.every() == []
    for page, query in {
        "experiment": {"id": small_laboratory.finished},
        "sample": {"model": small_laboratory.finished},
        "compare": {"ids": f"{small_laboratory.finished},{small_laboratory.failed}"},
        "new": {"parent": small_laboratory.finished},
        "experiments": {},
    }.items():
        shown = open_page(page, **query)
        assert not shown.exception, page
        assert not shown.error, page
    assert "data-testid" in html(open_page("experiment", id=small_laboratory.finished))


def test_a_path_that_is_known_already_is_told_with_the_way_to_its_dataset(small_laboratory: Any, tmp_path: Any) -> None:
    record = small_laboratory.record
    place = record.settings.datasets / "quick"
    about = Description("quick", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 1, WCDM6)
    write_folder(place, iter(np.ones((4, 16, 16), dtype=np.float32)), 16, theta()[:4], about)
    (tmp_path / "link").symlink_to(place)
    app = open_page("datasets", dataset="quick")
    app.query_params["form"] = "add"
    app.run()
    app.text_input(key="add-path").set_value(str(tmp_path / "link"))
    app.text_input(key="add-name").set_value("again")
    app.button(key="add-dataset").click().run()
    assert "is the dataset &#x27;quick&#x27; already" in html(app)
    assert 'href="/datasets?dataset=quick"' in html(app)
    assert not record.datasets.jobs()
