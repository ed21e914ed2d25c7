"""Does any sequence of quick clicks end in an empty page? A reader presses at random, on every page, for minutes.

    python benchmarks/chaos_clicks.py [--minutes 10] [--acts 300] [--seed 0]

The dashboard runs alone on a small record. Every button, link and option of every page is pressed, pages are changed,
gone back to, loaded anew, and often the next act comes before the last has been answered. The seed also steers the
reader towards what was not pressed yet. After each burst the page must be alive: a heading, content, no fault. Goes on
beyond the minutes until there were acts enough and every button was pressed, but not beyond three times as long. Prints
a table; exit code 1 if a page was dead, acts are missing or a known button was never hit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from buttons_of_pages import PAGES, to_be_pressed
from chromium import ARGUMENTS, chromium
from random_walk import RandomWalk, furnish
from served_dashboard import LOG, served_dashboard
from waiting import patience

_TELL_SECONDS = 60.0
_LAST_LINES = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--acts", type=int, default=300, help="at least so many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    binary = chromium()
    if binary is None:
        print("No Chromium on the PATH: set FOCUS_CHROMIUM to its binary.")
        return 1
    walk, faults = run_clicks(binary, 60.0 * arguments.minutes, arguments.acts, arguments.seed)
    if walk is not None:
        print(f"\n| clicks, seed {arguments.seed} | |\n|---|---|\n| acts | {len(walk.acts):,} |")
        for page, looks in sorted(walk.visits.items()):
            print(f"| looks at {page} | {looks:,} |")
        known = to_be_pressed()
        print(f"| presses of buttons | {walk.hits.total():,} |")
        print(f"| known buttons that were pressed | {len(known) - len(walk.missing())} of {len(known)} |\n")
    for fault in faults:
        print(f"NOT RIGHT: {fault}")
    print("everything is right" if not faults else f"{len(faults)} things are not right")
    return 1 if faults else 0


def run_clicks(binary: str, seconds: float, acts: int, seed: int) -> tuple[RandomWalk | None, list[str]]:
    walk = None
    with (
        tempfile.TemporaryDirectory(prefix="focus-chaos-") as folder,
        served_dashboard(Path(folder)) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(patience() * 1000)
        record = served.laboratory.record
        furnish(record)
        try:
            walk = RandomWalk(page, served.address, record, seed)
            began = time.monotonic()
            while (gone := time.monotonic() - began) < seconds or (gone < 3 * seconds and shortfalls(walk, acts)):
                walk.walk(min(seconds, _TELL_SECONDS))
                print(_progress(walk, time.monotonic() - began), flush=True)
        except AssertionError as dead:
            return walk, [f"{dead}\nwhat the dashboard said last:\n{_last_said(Path(folder))}"]
        finally:
            browser.close()
    return walk, shortfalls(walk, acts)


def _last_said(folder: Path) -> str:
    """The end of the dashboard's log, which has the traceback of a failed page."""
    return "\n".join((folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])


def _progress(walk: RandomWalk, seconds: float) -> str:
    missing = walk.missing()
    return f"{seconds / 60:.1f} min, {len(walk.acts):,} acts, {len(missing)} buttons to come: {', '.join(missing)}"


def shortfalls(walk: RandomWalk, acts: int) -> list[str]:
    """What is missing from a walk that found every page working."""
    faults = [f"{page} was never looked at" for page in PAGES if page not in walk.visits]
    faults += [f"{name} was never pressed" for name in walk.missing()]
    return faults + ([f"{len(walk.acts)} acts, not {acts}"] if len(walk.acts) < acts else [])


if __name__ == "__main__":
    sys.exit(main())
