"""Does any sequence of quick clicks end in an empty page? A reader presses at random, on every page, for minutes.

    python benchmarks/chaos_clicks.py [--minutes 10] [--acts 300] [--seed 0]

The dashboard runs alone on a small record. Every button, link and option of every page is pressed, pages are changed,
gone back to, loaded anew, and often the next act comes before the last has been answered. After each burst the page
must be alive: a heading, content, no fault. Goes on beyond the minutes until there were acts enough, but not beyond
three times as long. Prints a table; exit code 1 if a page was dead, acts are missing or a known button was never hit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from chromium import ARGUMENTS, chromium
from random_walk import BUTTONS, PAGES, RandomWalk
from served_dashboard import served_dashboard
from waiting import patience


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
        print(f"| buttons pressed | {walk.hits.total():,} |\n| of the known ones | {len(BUTTONS & set(walk.hits))} |\n")
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
        try:
            walk = RandomWalk(page, served.address, lambda: [row.id for row in record.experiments.find()], seed)
            for _ in range(3):
                walk.walk(seconds)
                if len(walk.acts) >= acts and not BUTTONS - set(walk.hits):
                    break
        except AssertionError as dead:
            return walk, [str(dead)]
        finally:
            browser.close()
    return walk, shortfalls(walk, acts)


def shortfalls(walk: RandomWalk, acts: int) -> list[str]:
    """What a walk that found every page alive has left out."""
    faults = [f"{page} was never looked at" for page in PAGES if page.lower() not in walk.visits]
    faults += [f"{name} was never pressed" for name in sorted(BUTTONS - set(walk.hits))]
    return faults + ([f"{len(walk.acts)} acts, not {acts}"] if len(walk.acts) < acts else [])


if __name__ == "__main__":
    sys.exit(main())
