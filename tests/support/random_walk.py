"""A reader who clicks at random, quickly, on every page: whatever they do, the page that comes is alive.

The seed fixes what is drawn; what comes of it also depends on how fast the machine answers, which is the point.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from living_page import Watch
from playwright.sync_api import Error, Locator, Page
from waiting import await_condition

PAGES = ("Experiments", "New", "Compare", "Sample", "Datasets", "Workers")
# What a reader can press on the prepared record, by its key; of keys that go on with what they are about, the word.
# Those of a question that only haste brings are not among them, nor those that need something typed first.
BUTTONS = frozenset(
    (
        *("new-experiment", "status", "compare", "clone", "archive", "stop", "delete", "keep"),
        *("pause", "resume", "queue", "edit", "sample", "play", "spectra-row", "maps-kind", "power-kind"),
        *("samplers-start", "csv", "loss-axis", "compare-power-kind", "each-step", "compare-set"),
        *("draft", "new-from", "f", "model", "sampler", "draw", "download-csv"),
        *("check", "open-add", "add-dataset", "open-describe", "describe-dataset", "open-simulate", "simulate"),
        *("remove-dataset", "keep-dataset"),
        *("cancel", "entry", "disk"),
    )
)
# Those that lead to another page, on which the next click then falls.
LEADING = frozenset(("new-experiment", "compare", "clone", "edit", "sample", "queue", "draft", "entry"))
# What would leave nothing to walk on.
LEFT_ALONE = ("confirm-",)
_WHOLE = frozenset(("keep-dataset", "disk-parts", "disk-rows"))
_SEVERAL = ("csv", "cancel", "resume", "dismiss", "keep", "delete", "discard", "check", "draft", "entry", "disk", "f")
_QUICK_MS = 1500
_PRESSED = '[data-testid="stMain"] :is(button:not(:disabled), a[href^="/"]:not([download]):not([target="_blank"]))'
_CANDIDATES = """(pressed) => [...document.querySelectorAll(pressed)].map((one, i) => {
    const named = one.closest('[class*="st-key-"]'), box = one.getBoundingClientRect();
    const key = named && [...named.classList].find(name => name.startsWith('st-key-')).slice(7);
    return { i, key: key || '', shown: box.width > 0 && box.height > 0 };
  }).filter(one => one.shown)"""


_DRAWN = """() => document.querySelector('.stApp[data-test-script-state="notRunning"]')
  && !document.querySelector('[data-testid="stMain"] [data-stale="true"]')"""
_PRESS_QUICKLY = """async ([pressed, chosen, pause]) => {
    const all = [...document.querySelectorAll(pressed)];
    for (const i of chosen) {
      all[i]?.click();
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  }"""


class RandomWalk:
    """One reader in one window. `hits` counts what was pressed, `acts` names all that was done in its order.

    `experiments` says which there are by now: the walk makes new ones.
    """

    def __init__(self, page: Page, address: str, experiments: Callable[[], Sequence[str]], seed: int) -> None:
        self.page, self.address, self.experiments, self.seed = page, address, experiments, seed
        self.random = random.Random(seed)
        self.watch = Watch(page)
        self.hits: Counter[str] = Counter()
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
        self.visits[self.page.url.removeprefix(self.address).partition("?")[0].strip("/") or "experiments"] += 1

    def _rest(self) -> None:
        """Until all is drawn that was asked for, a chart's next tick perhaps excepted."""
        await_condition(self._is_drawn, f"{self.page.url} to be drawn {self._story()}")

    def _is_drawn(self) -> bool:
        try:
            return bool(self.page.evaluate(_DRAWN))
        except Error:  # the page is being loaded
            return False

    def _story(self) -> str:
        return f"(seed {self.seed}: {' → '.join(self.acts[-30:])})"

    def _act(self) -> None:
        kinds = (self._press, self._press_quickly, self._page, self._opened, self._mark, self._select, self._history)
        doing = self.random.choices(kinds, (9, 9, 7, 3, 3, 1, 3))[0]
        try:
            self.acts.append(doing())
        except Error as error:  # what was chosen has gone meanwhile, as it may under a reader's pointer
            self.acts.append(f"missed ({str(error).splitlines()[0][:60]})")

    def _press(self) -> str:
        chosen = self._choose()
        if chosen is None:
            return "nothing to press"
        self._click(self.page.locator(_PRESSED).nth(chosen["i"]))
        return f"press {self._pressed(chosen)}"

    def _press_quickly(self) -> str:
        """All before the first has been answered, which no driver's click is quick enough for."""
        leading = LEADING if self.random.random() < 0.7 else frozenset()
        wanted = [self._choose(leading), self._choose(), self._choose(), self._choose()]
        chosen = [one for one in wanted if one is not None]
        pause = self.random.choice((5, 20, 60, 150))
        self.page.evaluate(_PRESS_QUICKLY, [_PRESSED, [one["i"] for one in chosen], pause])
        return f"press every {pause} ms " + ", ".join(map(self._pressed, chosen))

    def _choose(self, rather: frozenset[str] = frozenset()) -> dict[str, Any] | None:
        """One of `rather` where it is there; else mostly what was pressed least, so that a walk comes to all."""
        found = self.page.evaluate(_CANDIDATES, _PRESSED)
        found = [one for one in found if not one["key"].startswith(LEFT_ALONE)]
        found = [one for one in found if one["key"] in rather] or found
        if not found:
            return None
        least = min(self.hits[name_of(one["key"])] for one in found)
        rare = [one for one in found if self.hits[name_of(one["key"])] == least]
        return dict(self.random.choice(rare if self.random.random() < 0.7 else found))

    def _pressed(self, chosen: dict[str, Any]) -> str:
        self.hits[name_of(chosen["key"])] += 1
        return chosen["key"] or "what has no key"

    def _page(self) -> str:
        name = self.random.choice(PAGES)
        self._click(self.page.locator('[data-testid="stTopNavLink"]').filter(has_text=name).first)
        return f"page {name}"

    def _opened(self) -> str:
        """An address that someone else has sent."""
        one, other = self.random.choice(self.experiments()), self.random.choice(self.experiments())
        path = self.random.choice(
            (f"experiment?id={one}",) * 3 + (f"compare?ids={one},{other}", f"sample?model={one}", f"new?parent={one}")
        )
        self.page.goto(f"{self.address}/{path}", wait_until="commit")
        return f"open {path}"

    def _mark(self) -> str:
        """A row of the list, which is a canvas."""
        table = self.page.locator('[data-testid="stDataFrame"] canvas').first
        box = table.bounding_box(timeout=_QUICK_MS) if table.count() else None
        if box is None:
            return "nothing to mark"
        rows = max(1, int((box["height"] - 35) // 44))
        self.page.mouse.click(box["x"] + 20, box["y"] + 35 + 44 * self.random.randrange(rows) + 22)
        return "mark a row"

    def _select(self) -> str:
        boxes = self.page.locator('[data-testid="stSelectbox"] [data-baseweb="select"]:visible')
        if not boxes.count():
            return "nothing to select"
        self._click(boxes.nth(self.random.randrange(boxes.count())))
        options = self.page.locator('[role="option"]')
        options.first.wait_for(timeout=_QUICK_MS)
        self._click(options.nth(self.random.randrange(options.count())))
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
        what.click(timeout=_QUICK_MS, no_wait_after=True)


def name_of(key: str) -> str:
    """The key of a button without what it is about."""
    word = key.partition("-")[0]
    return word if word in _SEVERAL and key not in _WHOLE else key
