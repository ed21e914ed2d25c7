"""What must hold for a page of the dashboard after any action of a reader: present, complete, and without an error."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Error, Locator, Page
from waiting import await_condition

# Whether all of a run's page is present: a control is a grey bar while the browser fetches the code that draws it,
# and parts that the run has not reached yet belong to the previous page.
AT_REST = """() => {
  const app = document.querySelector('.stApp');
  return app?.dataset.testScriptState === 'notRunning' && !!document.querySelector('[data-testid=stMain]')
    && !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton], [data-stale=true]');
}"""


def is_at_rest(page: Page) -> bool:
    try:
        return bool(page.evaluate(AT_REST))
    except Error:  # the page is being loaded
        return False


def await_rest(page: Page, after: str = "the last act") -> None:
    """Wait before anything is read only once: places, sizes, numbers of elements, absent elements."""
    await_condition(lambda: is_at_rest(page), f"{page.url} to be drawn after {after}")


def scroll_to(place: Locator) -> None:
    """Again where a run draws the page anew meanwhile and the element is another one by then."""

    def there() -> bool:
        try:
            place.scroll_into_view_if_needed()
        except Error as gone:
            if "not attached" not in gone.message:
                raise
            return False
        return True

    await_condition(there, f"{place} to come into view")


# The sheet's own rule for the whole page; without the sheet the numbers have the browser's figures.
_STATE = """() => {
  const app = document.querySelector('.stApp'), main = document.querySelector('[data-testid="stMain"]');
  if (!app || !main) return { alive: false };
  const text = main.innerText;
  return {
    alive: true,
    heading: [...main.querySelectorAll('h1')].map(h => h.innerText.trim()).filter(Boolean).length,
    content: text.trim().split(/\\s+/).length,
    styled: getComputedStyle(app).fontVariantNumeric === 'tabular-nums',
    bad: ['Traceback', 'This page failed', 'Bad delta path', 'StreamlitAPIException'].filter(w => text.includes(w)),
  };
}"""


class Watch:
    """Listens to a page; `assert_alive` may be called after every act."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        # A request cut off by a reload is reported as a failed resource; it is not an error of the page.
        if said.type == "error" and not said.text.startswith("Failed to load resource"):
            self.errors.append(f"console: {said.text}")

    def assert_alive(self, after: str = "the last act") -> None:
        """A heading, content, our style, no message of an internal error, nothing uncaught in the console."""
        state = self.await_whole(after)
        assert state["bad"] == [], f"after {after}, {self.page.url} shows {state['bad']}"
        assert self.errors == [], f"after {after}, {self.page.url}: {self.errors}"

    def await_whole(self, after: str) -> dict[str, object]:
        """A heading and content, whatever the console reported on the way."""
        what = f"a page with a heading and content after {after}: {self.page.url}"
        return dict(await_condition(self._whole, what, 60.0))

    def _whole(self) -> dict[str, object] | None:
        try:
            state = self.page.evaluate(_STATE)
        except Error:  # the page is being loaded
            return None
        whole = state["alive"] and state["heading"] and state["content"] > 5 and state["styled"]
        return dict(state) if whole or state.get("bad") else None
