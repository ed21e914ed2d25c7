"""What is chosen on a page is its address: Back, Forward, a reload and a second tab show it as it was left."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from benchmark_found import found
from evaluation_found import evaluation
from living_page import AT_REST, Watch, await_rest, is_at_rest
from playwright.sync_api import Page, Route, WebSocket, WebSocketRoute, expect
from prepared_record import configuration, register_quick
from served_dashboard import ServedDashboard
from waiting import await_condition

pytestmark = pytest.mark.browser

Step = Callable[[Page], None]

# What every control of the page stands at, and the words that tell of a choice which no control shows.
_CHOSEN = f"""() => {{
  if (!({AT_REST})()) return null;
  const main = document.querySelector('[data-testid="stMain"]');
  const all = (what, say) => [...main.querySelectorAll(what)].map(say);
  return [
    ...all('h1', e => e.innerText),
    ...all('[role=radio][aria-checked=true]', e => `${{e.parentElement.getAttribute('aria-label')}}: ${{e.innerText}}`),
    ...all('[role=tab][aria-selected=true]', e => `tab: ${{e.innerText}}`),
    ...all('input[type=range]', e => `${{e.getAttribute('aria-label')}}: ${{e.getAttribute('aria-valuetext')}}`),
    ...all('input[role=switch]', e => `${{e.getAttribute('aria-label')}}: ${{e.checked}}`),
    ...all('input[role=combobox], input[type=text], input[type=number]',
      e => `${{e.getAttribute('aria-label')}}: ${{e.value}}`),
    ...all('[data-testid=selected], [data-testid=count], [data-testid=disk-part], [data-testid=epoch]',
      e => e.innerText),
    ...all('[data-epoch]', e => `maps of epoch ${{e.dataset.epoch}}`),
  ];
}}"""


def segment(key: str, i: int) -> Step:
    return lambda page: page.locator(f".st-key-{key} [role=radio]").nth(i).click()


def switch(key: str) -> Step:
    return lambda page: page.locator(f".st-key-{key} label").first.click()


def option(key: str, words: str) -> Step:
    def choose(page: Page) -> None:
        field, offered = page.locator(f".st-key-{key} input"), page.get_by_role("option", name=words, exact=True)

        def opened() -> bool:
            """A list that is open closes when the page moves below it, which it does while a run draws it again."""
            if field.get_attribute("aria-expanded") != "true":
                field.click()
            return offered.is_visible() and is_at_rest(page)

        await_condition(opened, f"the list of {key} to be open")
        offered.click()

    return choose


def fill(key: str, words: str) -> Step:
    def write(page: Page) -> None:
        page.locator(f".st-key-{key} input").fill(words)
        page.locator(f".st-key-{key} input").press("Enter")

    return write


def name_it(words: str) -> Step:
    def write(page: Page) -> None:
        page.get_by_label("Name", exact=True).fill(words)
        page.get_by_label("Name", exact=True).press("Enter")

    return write


def earlier(key: str) -> Step:
    return lambda page: page.locator(f".st-key-{key} input[type=range]").press("ArrowLeft")


def press(key: str) -> Step:
    return lambda page: page.locator(f".st-key-{key} button").first.click()


def tab(name: str) -> Step:
    return lambda page: page.get_by_role("tab", name=name).click()


def mark_first(count: str) -> Step:
    """The box at the left of the first row, once the list has come to `count`; it is drawn on a canvas."""

    def mark(page: Page) -> None:
        expect(page.get_by_test_id("count")).to_have_text(count)
        x, y = place_of_list(page)
        page.mouse.click(x + 20, y + 35 + 22)
        expect(page.get_by_test_id("selected")).to_contain_text("1 selected")

    return mark


def press_heading_of_names(page: Page) -> None:
    """Behind the boxes and the maps."""
    x, y = place_of_list(page)
    page.mouse.click(x + 160, y + 17)


def place_of_list(page: Page) -> tuple[float, float]:
    await_rest(page)
    table = page.locator('[data-testid="stDataFrame"] canvas').first
    place = await_condition(table.bounding_box, "the list to be drawn", 15.0)
    return place["x"], place["y"]


@dataclass(frozen=True)
class Visit:
    """A page, what is chosen there with what the address then says of it, and what must then be seen."""

    path: str
    acts: list[tuple[Step, str]]
    seen: list[str] = field(default_factory=list)


VISITS = {
    "Experiments": Visit(
        "/",
        [
            (segment("status", 3), "status=Done"),
            (fill("text", "Second"), "text=Second"),
            (option("sort", "Best loss"), "sort=loss"),
            (segment("order", 1), "order=down"),
            (mark_first("1 of 14"), "marked="),
        ],
        ["Status: Done", "Search: Second", "Sort by: Best loss", "Direction: ↓", "1 selected", "1 of 14"],
    ),
    "Experiments by a heading": Visit(
        "/?status=Done",
        [
            (mark_first("2 of 14"), "marked="),
            (press_heading_of_names, "sort=name"),
            (press_heading_of_names, "order=down"),
        ],
        ["Status: Done", "Sort by: Name", "Direction: ↓", "1 selected"],
    ),
    "Archive": Visit(
        "/", [(segment("status", 6), "status=Archived"), (mark_first("1 of 1"), "marked=")], ["1 selected", "1 of 1"]
    ),
    "Experiment": Visit(
        "/experiment?id={finished}",
        [
            (tab("Notes"), "tab=notes"),
            (segment("spectra-row", 2), "spectra-row=2"),
            (segment("maps-kind", 1), "maps-kind=difference"),
            (segment("power-kind", 1), "power-kind=k2pk"),
            (earlier("epoch"), "epoch=2"),
            (option("enlarged", "Row 1, generated 2"), "enlarged=1-2"),
            (switch("power-table"), "power-table=true"),
            (switch("loss-table"), "loss-table=true"),
            (segment("samplers-band", 1), "samplers-band=2"),
            (segment("samplers-quantity", 1), "samplers-quantity=scatter"),
        ],
        ["tab: Notes", "Spectra of: 2", "Maps: Difference", "Epoch: epoch 2", "maps of epoch 2"],
    ),
    "Another statistic and its evaluation": Visit(
        "/experiment?id={finished}",
        [
            (segment("statistic", 1), "statistic=pdf"),
            (option("evaluated", "One-point distribution"), "evaluated=pdf-0"),
            (segment("prior-band", 0), "prior-band=1"),
        ],
        ["Statistic: pdf", "Statistic: One-point distribution"],
    ),
    "Compare": Visit(
        "/compare?ids={finished},{second}",
        [
            (option("baseline", "Second one"), "baseline={second}"),
            (segment("loss-axis", 1), "loss-axis=step"),
            (switch("each-step"), "each-step=true"),
            (segment("compare-power-kind", 1), "compare-power-kind="),
            (segment("statistic", 1), "statistic=pdf"),
            (earlier("compare-epoch"), "epoch=2"),
        ],
        ["Statistic: pdf", "Each step: true", "Epoch: epoch 2", "Ratios to: Second one"],
    ),
    "Sample": Visit(
        "/sample",
        [
            (option("model", "Finished one"), "model={finished}"),
            (segment("checkpoint", 1), "checkpoint=last"),
            (segment("weights", 1), "weights=raw"),
            (earlier("Omega_m"), "Omega_m="),
            (earlier("w0"), "w0="),
            (fill("n", "12"), "n=12"),
            (fill("seed", "5"), "seed=5"),
            (option("sampler", "Heun"), "sampler=heun"),
            (fill("steps", "20"), "steps=20"),
            (earlier("guidance"), "guidance=0.9"),
            (segment("statistic", 1), "statistic=pdf"),
        ],
        [
            "Statistic: pdf",
            "Model: Finished one",
            "Maps: 12",
            "Seed: 5",
            "Steps: 20",
            "Weights: raw",
            "Checkpoint: last",
        ],
    ),
    "Datasets": Visit(
        "/datasets",
        [
            (segment("dataset-choice", 1), "dataset=quick"),
            (press("open-simulate"), "form=simulate"),
            (fill("suite-name", "of my own"), "suite-name=of+my+own"),
            (fill("suite-simulations", "32"), "suite-simulations=32"),
            (segment("suite-grid", 0), "suite-grid=32"),
        ],
        ["quick", "Name: of my own", "Simulations: 32", "Cells per side: 32", "Parameter space: wcdm6"],
    ),
    "A path": Visit(
        "/datasets",
        [
            (press("open-add"), "form=add"),
            (fill("add-path", "/data/a suite"), "add-path="),
            (fill("add-name", "theirs"), "add-name=theirs"),
            (fill("add-box", "25"), "add-box=25"),
        ],
        ["Path: /data/a suite", "Name: theirs", "Box side [Mpc/h]: 25.00"],
    ),
    "Data of their own": Visit(
        "/datasets",
        [
            (press("open-describe"), "form=describe"),
            (fill("describe-maps", "/data/maps.npy"), "describe-maps="),
            (fill("describe-depth", "5"), "describe-depth=5"),
        ],
        ["Maps file: /data/maps.npy", "Slab depth [Mpc/h]: 5.00"],
    ),
    "Workers": Visit("/workers", [(press("disk-smaller"), "part=2")], ["13 to 15 of 15 experiments, largest first"]),
    "New experiment": Visit(
        "/new?recipe=experiment_02",
        [(name_it("Of my own"), "edit="), (tab("Changes"), "panel=changes")],
        ["Name: Of my own", "tab: Changes to recipe (0)"],
    ),
}


@pytest.fixture(scope="module")
def full(prepared: ServedDashboard) -> ServedDashboard:
    """With something to choose on every page: what jobs found, a second dataset, an archived run, parts of the disk."""
    record, small = prepared.laboratory.record, prepared.laboratory
    file = record.artifacts.put(json.dumps(found()).encode(), ".json")
    record.findings.note("sampler_benchmark", small.finished, {"result.json": file}, "train-1")
    file = record.artifacts.put(json.dumps(evaluation()).encode(), ".json")
    record.findings.note("evaluation", small.finished, {"evaluation.json": file}, "train-1")
    register_quick(record, "another")
    record.experiments.archive(small.failed)
    for i in range(10):
        record.experiments.create(configuration(f"Draft {i}", seed=10 + i), draft=True)
    return prepared


def chosen(page: Page) -> list[str] | None:
    found = page.evaluate(_CHOSEN)
    return None if found is None else [" ".join(words.split()) for words in found]


def await_same(page: Page, watch: Watch, left: list[str], after: str) -> None:
    watch.assert_alive(after)
    shown: list[list[str] | None] = []

    def same() -> bool:
        shown[:] = [chosen(page)]
        return shown[0] == left

    try:
        await_condition(same, f"the page as it was left after {after}", 15.0)
    except AssertionError as late:
        gone, new = set(left) - set(shown[0] or []), set(shown[0] or []) - set(left)
        raise AssertionError(f"after {after}, {page.url}: {gone} was left, {new} is shown") from late


def go_by_navigation(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


@pytest.mark.parametrize("name", VISITS)
def test_what_is_chosen_survives_a_reload_a_second_tab_back_and_forward(
    name: str, page: Page, full: ServedDashboard
) -> None:
    visit, watch = VISITS[name], Watch(page)
    ids = {"finished": full.laboratory.finished, "second": full.second}
    page.goto(full.address + visit.path.format_map(ids))
    for act, said in visit.acts:
        await_rest(page)
        act(page)
        page.wait_for_url(re.compile(rf"[?&]{re.escape(said.format_map(ids))}"))
    left: list[str] = []

    def all_seen() -> bool:
        left[:] = chosen(page) or []  # nothing while a run redraws the page, which may begin after this look
        return set(visit.seen) <= set(left)

    try:
        await_condition(all_seen, f"{visit.seen} on {page.url}", 15.0)
    except AssertionError as late:
        raise AssertionError(f"{page.url} shows {left} and not all of {visit.seen}") from late
    page.reload()
    await_same(page, watch, left, "a reload")
    second = page.context.new_page()
    second.goto(page.url)
    await_same(second, Watch(second), left, "opening the address in a second tab")
    second.close()
    other = "Workers" if name != "Workers" else "Compare"
    go_by_navigation(page, other)
    page.go_back()
    await_same(page, watch, left, "Back")
    page.go_forward()
    watch.assert_alive("Forward")
    expect(page.get_by_role("heading", name=other, level=1)).to_be_visible()
    page.go_back()
    await_same(page, watch, left, "Back again")


def test_controls_whose_code_comes_late_stand_as_the_address_says(page: Page, full: ServedDashboard) -> None:
    """Live parts are drawn again meanwhile: what a control is told once, it would have missed by then."""
    sent: list[bytes] = []
    held: list[Route] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda said: sent.append(said if isinstance(said, bytes) else said.encode()))

    page.on("websocket", listen)
    page.route("**/ButtonGroup*.js", lambda route: held.append(route))
    where = f"{full.address}/experiment?id={full.laboratory.finished}&maps-kind=difference&power-kind=k2pk"
    page.goto(where)

    def drawn_again() -> bool:
        page.wait_for_timeout(50)  # Playwright tells of events only while it is waited on
        return bool(held) and sum(b"maps-kind" in said for said in sent) >= 3

    await_condition(drawn_again, "the live part of the page to be drawn again")
    for route in held:
        route.continue_()
    expect(page.locator(".st-key-maps-kind [role=radio][aria-checked=true]")).to_have_text("Difference")
    await_rest(page)
    assert page.url == where


@pytest.mark.parametrize("done", ["before it comes", "after it came"])
def test_what_is_typed_while_an_answer_is_on_its_way_comes_into_the_address(
    done: str, page: Page, full: ServedDashboard
) -> None:
    """The answer to the choice before brings an address without it, and draws the field anew."""
    late: list[tuple[WebSocketRoute, str | bytes]] = []
    holding = False

    def between(socket: WebSocketRoute) -> None:
        def pass_on(said: str | bytes) -> None:
            late.append((socket, said)) if holding else socket.send(said)

        socket.connect_to_server().on_message(pass_on)

    page.route_web_socket(re.compile("/_stcore/stream"), between)
    page.goto(f"{full.address}/sample?model={full.laboratory.finished}")
    await_rest(page)
    holding = True
    option("sampler", "Heun")(page)

    def answered() -> bool:
        page.wait_for_timeout(50)  # Playwright tells of messages only while it is waited on
        return any(b"sampler=heun" in (said if isinstance(said, bytes) else said.encode()) for _, said in late)

    await_condition(answered, "the address with the sampler to be told")
    steps = page.locator(".st-key-steps input")
    steps.fill("20")
    if done == "before it comes":
        steps.press("Enter")
    holding = False
    for socket, said in late:
        socket.send(said)
    await_rest(page)
    steps.press("Enter")
    page.wait_for_url(re.compile("sampler=heun.*steps=20|steps=20.*sampler=heun"))


def test_a_question_before_a_deletion_is_in_no_address_and_gone_after_a_reload(
    page: Page, full: ServedDashboard
) -> None:
    where = f"{full.address}/experiment?id={full.laboratory.draft}"
    question = page.locator("[class*=st-key-confirm-deletion]")
    page.goto(where)
    press("delete")(page)
    expect(question).to_be_visible()
    assert page.url == where
    page.reload()
    expect(page.get_by_role("heading", name="A draft", level=1)).to_be_visible()
    await_rest(page)
    expect(question).to_have_count(0)


def test_a_form_that_was_sent_begins_empty_and_leaves_the_address(page: Page, full: ServedDashboard) -> None:
    page.goto(f"{full.address}/datasets?form=simulate")
    fill("suite-name", "sent")(page)
    page.wait_for_url(re.compile("suite-name=sent"))
    press("simulate")(page)
    page.wait_for_url(re.compile("/datasets$"))
    press("open-simulate")(page)
    expect(page.locator(".st-key-suite-name input")).to_have_value("")
