"""A reader who clicks at random, quickly, on every page: whatever they do, the resulting page works.

The seed determines the actions; their effects also depend on how fast the machine responds, which is the point.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from buttons_of_pages import PAGES, name_of, to_be_pressed
from living_page import Watch, await_rest
from playwright.sync_api import Error, Locator, Page
from prepared_record import configuration, draw_sample, register_quick
from steering import PATHS, next_to_reach, rarest, way_to, weighted
from waiting import patience

from focus_store.contracts import Status
from focus_store.record.record import Record

# Those that lead to another page, on which the next click then falls.
LEADING = frozenset(("new-experiment", "compare", "clone", "edit", "sample", "queue", "draft", "entry"))
# Buttons that would leave nothing to walk on.
LEFT_ALONE = ("confirm-",)
# Input for a field: a valid number, a valid name, an invalid one, and nothing.
WRITTEN = ("50", "w{}", "<b>", "")
# A switch is pressed by its label, in which its help has a button of its own.
_PRESSABLE = (
    ':is(button:not(:disabled):not([aria-label^="Help for"]), '
    '[data-testid="stCheckbox"] > label, a[href^="/"]:not([download]):not([target="_blank"]))'
)
_PRESSED = f'[data-testid="stMain"] {_PRESSABLE}'
_FIELD = (
    '[data-testid="stMain"] :is([data-testid="stTextInput"], [data-testid="stTextArea"]) '
    ":is(input, textarea):not(:disabled):visible"
)
_CANDIDATES = """(pressed) => [...document.querySelectorAll(pressed)].map((one, i) => {
    const named = one.closest('[class*="st-key-"]'), box = one.getBoundingClientRect();
    const key = named && [...named.classList].find(name => name.startsWith('st-key-')).slice(7);
    return { i, key: key || '', shown: box.width > 0 && box.height > 0 };
  }).filter(one => one.shown)"""

_PRESS_QUICKLY = """async ([pressed, chosen, pause]) => {
    const all = [...document.querySelectorAll(pressed)];
    for (const i of chosen) {
      all[i]?.click();
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  }"""


def furnish(record: Record) -> None:
    """Besides the contents of a small record: a subject for each button."""
    register_quick(record, "another")  # no experiment needs it, so that it may be removed; the first of two
    drafts = [record.experiments.create(configuration(f"Draft {i}", seed=20 + i), draft=True) for i in range(10)]
    record.experiments.archive(drafts[0])
    for trained in record.experiments.find(status=Status.SUCCEEDED):
        if not record.samples.latest(trained.id, 1):
            draw_sample(record, trained.id)


class RandomWalk:
    """One reader in one window. `hits` counts pressed buttons, `acts` lists all actions in order.

    The present experiments are read from the record, since the walk makes new ones. It prefers pages with buttons
    that it has not pressed yet (tests/support/steering.py).
    """

    def __init__(self, page: Page, address: str, record: Record, seed: int) -> None:
        self.page, self.address, self.record, self.seed = page, address, record, seed
        self.random = random.Random(seed)
        self.at_first = self._experiments()
        self.watch = Watch(page)
        self.hits: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.visits: Counter[str] = Counter()
        self.acts: list[str] = []
        page.goto(address)
        self.watch.assert_alive("the start")

    def walk(self, seconds: float) -> None:
        """Bursts of one to three acts within 150 ms of each other, then a look at the page, and one at the end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.random.random() < 0.7:  # otherwise while the page is still being drawn
                self._rest()
            for _ in range(self.random.choice((1, 1, 2, 3))):
                self._act()
                self.page.wait_for_timeout(self.random.uniform(0.0, 150.0))
            self.look()
        self._rest()
        self.look()

    def look(self) -> None:
        self.watch.assert_alive(self._story())
        self.visits[self._here()] += 1

    def missing(self) -> list[str]:
        """The known buttons that were never pressed."""
        return sorted(to_be_pressed() - set(self.hits))

    def _here(self) -> str:
        return self.page.url.removeprefix(self.address).partition("?")[0].strip("/") or "experiments"

    def _rest(self) -> None:
        """Wait until everything requested has been drawn."""
        await_rest(self.page, self._story())

    def _story(self) -> str:
        return f"(seed {self.seed}: {' → '.join(self.acts[-30:])})"

    def _act(self) -> None:
        kinds = {
            self._press: 9,
            self._press_quickly: 9,
            self._reach_one: 6,
            self._page: 7,
            self._opened: 3,
            self._mark: 6,
            self._select: 1,
            self._write: 3,
            self._history: 3,
        }
        (doing,) = self.random.choices([*kinds], [*kinds.values()])
        try:
            self.acts.append(doing())
        except Error as error:  # the chosen element has disappeared meanwhile, as it may under a reader's pointer
            self.acts.append(f"missed ({str(error).splitlines()[0][:60]})")

    def _press(self) -> str:
        chosen = self._choose()
        if chosen is None:
            return "nothing to press"
        self._click(self.page.locator(_PRESSED).nth(chosen["i"]))
        return f"press {self._pressed(chosen)}"

    def _press_quickly(self) -> str:
        """All before the first has been answered; no driver's click is quick enough for that."""
        leading = LEADING if self.random.random() < 0.7 else frozenset()
        wanted = [self._choose(leading), self._choose(), self._choose(), self._choose()]
        chosen = [one for one in wanted if one is not None]
        pause = self.random.choice((5, 20, 60, 150))
        self.page.evaluate(_PRESS_QUICKLY, [_PRESSED, [one["i"] for one in chosen], pause])
        return f"press every {pause} ms " + ", ".join(map(self._pressed, chosen))

    def _choose(self, rather: frozenset[str] = frozenset()) -> dict[str, Any] | None:
        """One of `rather` if it is there; otherwise mostly the least pressed, so that a walk reaches all."""
        found = self.page.evaluate(_CANDIDATES, _PRESSED)
        found = [one for one in found if not one["key"].startswith(LEFT_ALONE)]
        found = [one for one in found if one["key"].partition("-")[0] in rather or one["key"] in rather] or found
        if not found:
            return None
        page = self._here()
        rare = [found[i] for i in rarest([name_of(page, one["key"]) for one in found], self.hits)]
        return {"page": page, **self.random.choice(rare if self.random.random() < 0.7 else found)}

    def _pressed(self, chosen: dict[str, Any]) -> str:
        self.hits[name_of(chosen["page"], chosen["key"])] += 1
        return chosen["key"] or "what has no key"

    def _page(self) -> str:
        page = self._wanted({page: 1.0 for page in PAGES if page != "experiment"})
        link = self.page.locator('[data-testid="stTopNavLink"]').filter(has_text=re.compile(page, re.IGNORECASE))
        self._click(link.first)
        return f"page {page}"

    def _opened(self) -> str:
        """An address sent by someone else: of the initial experiments, which have most to show, or of any."""
        one, other = (self.random.choice(self._some()) for _ in range(2))
        page = self._wanted({"experiment": 3.0, "experiments": 1.0, "compare": 1.0, "sample": 1.0, "new": 1.0})
        path = "?status=Archived" if page == "experiments" else PATHS[page].format(one=one, other=other)
        self.page.goto(f"{self.address}/{path}", wait_until="commit")
        return f"open {path}"

    def _some(self) -> Sequence[str]:
        return self.at_first if self.random.random() < 0.5 else self._experiments()

    def _experiments(self, status: Status | None = None) -> list[str]:
        return [row.id for row in self.record.experiments.find(status=status)]

    def _wanted(self, pages: dict[str, float]) -> str:
        """One of these, with a probability that grows with the number of its buttons not yet pressed."""
        weights = weighted(pages, self.missing())
        return self.random.choices([*weights], [*weights.values()])[0]

    def _reach_one(self) -> str:
        button = next_to_reach(self.missing(), self.tried, self.random)
        return self._press() if button is None else self.reach(button)

    def reach(self, button: str) -> str:
        """One act: go to the address with this button, prepare all that it needs, and press it."""
        self.tried[button] += 1
        way = way_to(button)
        there = self._experiments(way.status) or self.at_first
        one = self.random.choice(there)
        other = next((other for other in there if other != one), one)
        drawn = (row.id for row in self.record.samples.latest(one, 50) if row.result)
        path = way.path.format(one=one, other=other, sample=next(drawn, ""))
        self.page.goto(f"{self.address}/{path}", wait_until="commit")
        self._rest()
        if way.marks:
            self._mark_for_sure(way.marks)
        for name, text in way.writes.items():
            self._fill(self.page.get_by_label(name, exact=True), text)
        for name in (*way.presses, button):
            # By its key: its position may have changed by the time of the click.
            self._click(self.page.locator(f'[class~="st-key-{self._awaited(name)}"] {_PRESSABLE}').first)
            self.hits[name] += 1
        return f"reach {button} on /{path}"

    def _awaited(self, button: str) -> str:
        """The key of this button, which comes with the response to the previous action."""
        end = time.monotonic() + patience(3.0)
        while time.monotonic() < end:
            for one in self.page.evaluate(_CANDIDATES, _PRESSED):
                if name_of(self._here(), one["key"]) == button:
                    return str(one["key"])
            self.page.wait_for_timeout(50)
        raise Error(f"no {button} here")

    def _mark_for_sure(self, wanted: int) -> None:
        """A click that comes before the list listens is lost, so it is repeated until the page reports it."""
        end = time.monotonic() + patience(30.0)
        while time.monotonic() < end:
            self._mark_rows(wanted)
            told = time.monotonic() + patience(3.0)
            while time.monotonic() < told:
                selected = self.page.get_by_test_id("selected")
                if selected.count() and selected.first.inner_text()[:1].isdigit():
                    return
                self.page.wait_for_timeout(50)
        raise Error("no row could be marked")

    def _mark(self) -> str:
        return self._mark_rows(self.random.choice((1, 2)))

    def _mark_rows(self, wanted: int) -> str:
        """Rows of the list, which is a canvas; only of those in the window, since others cannot be pressed."""
        table = self.page.locator('[data-testid="stDataFrame"] canvas').first
        box = table.bounding_box(timeout=_quick_ms()) if table.count() else None
        window = self.page.viewport_size
        if box is None or window is None:
            return "nothing to mark"
        middles = [box["y"] + 35 + 44 * row + 22 for row in range(max(1, int((box["height"] - 35) // 44)))]
        there = [y for y in middles if 0 < y < window["height"]]
        marked = self.random.sample(there, min(len(there), wanted))
        for y in marked:
            self.page.mouse.click(box["x"] + 20, y)
        return f"mark {len(marked)}"

    def _write(self) -> str:
        """Into one or several fields, as a reader fills in a form."""
        written = []
        for _ in range(self.random.choice((1, 2, 3))):
            field = self._one_of(_FIELD)
            if field is not None:
                text = self.random.choice(WRITTEN).format(len(self.acts))
                self._fill(field, text)
                written.append(repr(text))
        return f"write {', '.join(written) or 'nowhere'}"

    def _fill(self, field: Locator, text: str) -> None:
        field.fill(text, timeout=_quick_ms())
        field.press("Tab", timeout=_quick_ms())

    def _one_of(self, selector: str) -> Locator | None:
        found = self.page.locator(selector)
        n = found.count()
        return found.nth(self.random.randrange(n)) if n else None

    def _select(self) -> str:
        box = self._one_of('[data-testid="stSelectbox"] [data-baseweb="select"]:visible')
        if box is None:
            return "nothing to select"
        self._click(box)
        self.page.locator('[role="option"]').first.wait_for(timeout=_quick_ms())
        option = self._one_of('[role="option"]')
        if option is not None:
            self._click(option)
        return "select an option"

    def _history(self) -> str:
        doing = self.random.choice(("back", "forward", "reload"))
        if doing == "reload":
            self.page.reload(wait_until="commit")
        else:
            # By the page's own history: the driver's would wait for a page that Streamlit changes without loading.
            self.page.evaluate(f"history.{doing}()")
        if not self.page.url.startswith(self.address):  # before the walk's first page
            self.page.goto(self.address)
        return doing

    def _click(self, what: Locator) -> None:
        what.click(timeout=_quick_ms(), no_wait_after=True)


def _quick_ms() -> float:
    """For elements that are already there."""
    return patience(1.5) * 1000
