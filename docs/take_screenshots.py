"""Photograph every page of a running laboratory at 1440 and 420 px, light and dark, into docs/screens/.

    .venv/bin/python docs/take_screenshots.py --experiment ID [--address http://127.0.0.1:8501] [--chromium PATH]

The laboratory should hold a trained quickstart (ID, as in its page's address) and a sample request.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent / "screens"
WIDTHS = {1440: "", 420: "-420"}
MODES = {"light": "", "dark": "-dark"}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Charts and tiles arrive after the page; nothing tells when the last of them is drawn.
SETTLE_MILLISECONDS = 6000


def photograph(browser: Browser, url: str, name: str, width: int, mode: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=mode)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    page.locator("h1").first.wait_for(timeout=120_000)
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    # Streamlit scrolls an inner element, so a full-page picture needs a window as high as its content.
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(int(height) + 20, 600), 6000)})
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    file = FOLDER / f"{name}{MODES[mode]}{WIDTHS[width]}.png"
    page.screenshot(path=file)
    context.close()
    Image.open(file).convert("RGB").quantize(256).save(file, optimize=True)
    print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Photograph every page of a running laboratory.")
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--address", default="http://127.0.0.1:8501")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    pages = {
        "experiments": "",
        "new": "new",
        "experiment": f"experiment?id={arguments.experiment}",
        "sample": f"sample?model={arguments.experiment}",
    }
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=ARGUMENTS)
        for name, path in pages.items():
            for width in WIDTHS:
                for mode in MODES:
                    photograph(browser, f"{arguments.address}/{path}", name, width, mode)
        browser.close()


if __name__ == "__main__":
    main()
