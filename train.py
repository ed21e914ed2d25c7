"""python3 train.py --config FILE --exp_dir DIR [--fresh]: the same as `focus train`.

A Python that lacks what FOCUS needs hands over to the environment that `make install` made in this clone.
"""

import importlib.util
import os
import sys
from pathlib import Path

_NEEDED = ("numpy", "platformdirs", "pydantic", "torch", "yaml")


def _has_everything() -> bool:
    return sys.version_info >= (3, 11) and all(importlib.util.find_spec(name) for name in _NEEDED)


def _hand_over() -> None:
    """Become the clone's Python; return where there is none, or where this is it."""
    environment = Path(__file__).resolve().parent / ".venv"
    python = environment / "bin" / "python"
    if python.is_file() and Path(sys.prefix).resolve() != environment:
        os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    if not _has_everything():
        _hand_over()
        sys.stderr.write(
            f"train.py: {sys.executable} lacks what FOCUS needs; run `make install` in this clone first.\n"
        )
        sys.exit(2)
    from focus_core.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
