"""Photograph every page of a running laboratory at 1440 and 420 px, light and dark, into docs/screens/.

    .venv/bin/python docs/take_screenshots.py --experiment ID [--compare ID,ID] [--only compare,workers]
                                              [--address http://127.0.0.1:8501] [--chromium PATH]

The laboratory should hold a trained quickstart (ID, as in its page's address) and a sample request.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard.look.theme import EXPERIMENT_COLOURS

FOLDER = Path(__file__).parent / "screens"
WIDTHS = {1440: "", 420: "-420"}
MODES = {"light": "", "dark": "-dark"}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Colours that cover too few pixels for a palette by area, and mean something: lines of experiments, status, accents.
MEANT = (*EXPERIMENT_COLOURS, "#1d7a46", "#176a3c", "#85d2a5", "#b3261e", "#8a6a00", "#b45309", "#0b6478", "#4fb3c7")
GROUNDS = {"light": "#ffffff", "dark": "#10141a"}
PATIENCE_MILLISECONDS = 180_000
# Every tile is there, every chart is drawn, and the page has not grown since the last look, half a second ago.
SETTLED = """() => {
  const main = document.querySelector("[data-testid=stMain]"), images = [...document.images];
  const charts = [...document.querySelectorAll(".focus-chart")];
  images.forEach((image) => { image.loading = "eager"; });
  const ready = images.every((i) => i.complete) && charts.every((c) => Number(c.dataset.draws || 0) > 0);
  const before = window.lastHeight;
  window.lastHeight = main ? main.scrollHeight : 0;
  const busy = document.querySelector("[data-testid=stSkeleton], [data-stale=true]");
  return ready && !busy && before === window.lastHeight;
}"""
CALM_LOOKS = 4


def settle(page: Page) -> None:
    for _ in range(CALM_LOOKS):
        page.wait_for_function(SETTLED, polling=500, timeout=PATIENCE_MILLISECONDS)


def reduced(picture: Image.Image, ground: str) -> Image.Image:
    """256 colours: the ground, the meant ones, also half-way to it for smoothed edges, and the rest by area."""
    fixed = list(ImageColor.getrgb(ground)[:3]) + [
        channel for colour in MEANT for blend in (1.0, 0.5) for channel in _blend(colour, ground, blend)
    ]
    by_area = picture.quantize(256 - len(fixed) // 3).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((fixed + by_area)[:768])
    result = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    # Pillow looks for the nearest colour coarsely, and the ground is most of the picture.
    index = np.asarray(result).copy()
    index[(np.asarray(picture) == fixed[:3]).all(axis=-1)] = 0
    exact = Image.fromarray(index, mode="P")
    exact.putpalette(result.getpalette() or [])
    return exact


def _blend(colour: str, ground: str, share: float) -> list[int]:
    pairs = zip(ImageColor.getrgb(colour)[:3], ImageColor.getrgb(ground)[:3], strict=True)
    return [round(share * over + (1 - share) * under) for over, under in pairs]


def photograph(browser: Browser, url: str, name: str, width: int, mode: str) -> None:
    # Without the pages' policy, which lets no text become a script: `wait_for_function` sends one.
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=mode, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url, timeout=PATIENCE_MILLISECONDS)
    page.locator("h1").first.wait_for(timeout=PATIENCE_MILLISECONDS)
    settle(page)
    # Streamlit scrolls an inner element, so a full-page picture needs a window as high as its content.
    # What comes into view then may make it higher still.
    for _ in range(3):
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(int(height) + 20, 600), 6000)})
        settle(page)
    file = FOLDER / f"{name}{MODES[mode]}{WIDTHS[width]}.png"
    page.screenshot(path=file, animations="disabled")
    context.close()
    reduced(Image.open(file).convert("RGB"), GROUNDS[mode]).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


def addresses(experiment: str, compared: str) -> dict[str, str]:
    return {
        "experiments": "",
        "new": "new",
        "experiment": f"experiment?id={experiment}",
        "compare": f"compare?ids={compared}",
        "sample": f"sample?model={experiment}",
        "datasets": "datasets",
        "workers": "workers",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Photograph every page of a running laboratory.")
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--compare", help="ids by comma (default: the experiment alone)")
    parser.add_argument("--only", default="", help="names of pages by comma (default: all)")
    parser.add_argument("--address", default="http://127.0.0.1:8501")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    pages = addresses(arguments.experiment, arguments.compare or arguments.experiment)
    chosen = [name for name in arguments.only.split(",") if name] or list(pages)
    unknown = sorted(set(chosen) - set(pages))
    if unknown:
        parser.error(f"--only: {unknown[0]} is no page; known are {', '.join(pages)}")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=ARGUMENTS)
        for name in chosen:
            for width in WIDTHS:
                for mode in MODES:
                    photograph(browser, f"{arguments.address}/{pages[name]}", name, width, mode)
        browser.close()


if __name__ == "__main__":
    main()
