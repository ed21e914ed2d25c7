"""What people write is shown letter by letter, on every page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from prepared_record import configuration, move, write_run
from served_dashboard import ServedDashboard

from focus_store.contracts import Status

pytestmark = pytest.mark.browser

NAME = "# _x_ <b>bold</b> $x^2$ :smile: :red[warm] `c` [a](javascript:alert(1)) -> https://elsewhere.invalid"
JOINER = "\u2060"
MARKUP = (
    "b:text-is('bold')",
    "strong:text-is('bold')",
    "em:text-is('x')",
    "code:text-is('c')",
    ".katex annotation:text-is('x^2')",
    "a[href*='elsewhere.invalid']",
)


def test_a_name_of_markup_is_shown_as_it_was_written_on_every_page(page: Page, prepared: ServedDashboard) -> None:
    small = prepared.laboratory
    config = configuration("plain", seed=77)
    named = config.model_copy(update={"experiment": config.experiment.model_copy(update={"name": NAME})})
    experiment = small.repository.create_experiment(named, tags=["<i>_tag_</i>"])
    write_run(small.repository, experiment)
    move(small.repository, experiment, Status.FAILED, NAME)
    for path, heading in {
        f"experiment?id={experiment}": NAME,
        f"compare?ids={experiment},{prepared.second}": "Compare",
        f"sample?model={experiment}": "Sample",
        f"new?parent={experiment}": "New experiment",
        "datasets": "quick",
        "workers": "Workers",
        "": "Experiments",
    }.items():
        page.goto(f"{prepared.address}/{path}")
        page.wait_for_function(
            "([wanted, joiner]) => document.querySelector('h1')?.innerText.replaceAll(joiner, '').includes(wanted)",
            arg=[heading, JOINER],
        )
        page.wait_for_load_state("networkidle")
        main = page.locator("[data-testid=stMain]")
        for markup in MARKUP:
            assert main.locator(markup).count() == 0, f"/{path} made {markup} of a name"
        assert not page.evaluate("[...document.querySelectorAll('a')].some((a) => a.href.startsWith('javascript:'))")
        assert "😄" not in main.inner_text()
        if path.startswith("compare"):
            drawn = page.locator(".focus-chart[data-draws]")
            expect(drawn).to_have_count(3)
            expect(page.locator("[title]").filter(has_text="elsewhere").first).to_have_attribute("title", NAME)
            expect(page.locator(".legendtext").filter(has_text="elsewhere").first).to_be_visible()
            assert page.evaluate("document.querySelectorAll('.legendtext tspan[style*=bold]').length") == 0
    expect(page.get_by_test_id("count")).to_be_visible()
