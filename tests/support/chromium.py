"""The browser of the tests: on the PATH, or named by FOCUS_CHROMIUM."""

from __future__ import annotations

import os
import shutil

BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium() -> str | None:
    return os.environ.get("FOCUS_CHROMIUM") or next(filter(None, map(shutil.which, BINARIES)), None)
