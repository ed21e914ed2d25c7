"""Whether two versions of FOCUS compute the same: sha256 of losses, maps and P(k) of a few tiny runs.

    python benchmarks/same_bits.py                         of the sources beside this file
    python benchmarks/same_bits.py --sources OTHER_CLONE   of another version, with this interpreter

On one machine, two outputs are equal line by line if both versions simulate, train, draw and measure the same bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

SUITE = ("--simulations", "8", "--grid", "16", "--box", "16", "--seed", "5")
THETA = "Omega_m=0.3,Omega_b=0.05,h=0.7,n_s=0.96,sigma_8=0.8,w0=-1"
_TRAINING = {"num_epochs": 2, "batch_size": 4, "seed": 3, "use_augmentation": True}
_SMALL = {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16}
# Name of a run → its configuration, and the samplers to draw with: together, every one of every method.
RUNS: dict[str, tuple[dict[str, Any], tuple[tuple[str, ...], ...]]] = {
    "epsilon": (
        {"diffusion": {"timesteps": 20}, "sampling": {"ddim_timesteps": 5, "eta": 0.5, "spacing": "quadratic"}},
        (("ddim", "6"), ("ddpm",), ("heun", "4"), ("dpmpp_2m", "5")),
    ),
    "v, min-SNR, cosine": (
        {
            "diffusion": {"timesteps": 20, "schedule": "cosine", "prediction": "v", "weighting": "min_snr"},
            "training": {"scheduler": {"name": "cosine", "warmup_epochs": 1}},
            "sampling": {"method": "dpmpp_2m", "num_steps": 5, "spacing": "karras"},
        },
        (("ddim", "7"), ("heun", "6")),
    ),
    "v, quadratic": (
        {
            "diffusion": {"timesteps": 20, "schedule": "quadratic", "prediction": "v"},
            "training": {"scheduler": {"name": "linear"}},
            "sampling": {"method": "heun", "num_steps": 5, "spacing": "log_snr", "cfg_scale": 1.5},
        },
        (("dpmpp_2m", "4"),),
    ),
    "flow": (
        {"method": "flow", "training": {"scheduler": {"name": "step", "step_size": 1}}, "sampling": {"num_steps": 4}},
        (("heun", "5"), ("euler", "6"), ("adaptive",)),
    ),
    "EDM": (
        {"method": "edm", "sampling": {"num_steps": 4, "spacing": "quadratic"}},
        (("heun", "3"), ("euler", "6"), ("dpmpp_2m", "5"), ("adaptive",)),
    ),
    "EDM, spectral, ModernUNet": (
        {"method": "edm", "edm": {"spectral": True}, "model": {"from": "ModernUNet"}, "sampling": {"num_steps": 4}},
        (("heun", "3"), ("euler", "6"), ("dpmpp_2m", "5"), ("adaptive",)),
    ),
}


# One process does everything: it imports the sources of a particular clone.
CHILD = """
import json, sys
import numpy as np
from focus_core.cli import main
for kind, *words in json.loads(sys.stdin.read()):
    if kind == "focus":
        code = main(words)
        assert code == 0, (code, words)
    else:
        np.save(words[1], np.load(words[0])["maps"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sources", type=Path, default=Path(__file__).resolve().parents[1], metavar="DIR", help="a clone of FOCUS"
    )
    sources = parser.parse_args().sources.resolve()
    with tempfile.TemporaryDirectory() as folder:
        ground = Path(folder)
        steps = [["focus", "simulate", "--out", str(ground / "suite"), *SUITE]]
        for name in RUNS:
            steps += _steps(ground, name)
        _do(sources, steps)
        _tell("suite", "maps", np.load(ground / "suite" / "maps.npy"))
        for name, (_, drawings) in RUNS.items():
            _tell(name, "losses", _losses(_folder(ground, name)))
            for drawing in ((), *drawings):
                maps, power = _files(ground, name, drawing)
                _tell(name, " ".join(drawing) or "its own sampler", np.load(maps))
                _tell(name, "P(k)", np.frombuffer(power.read_bytes(), dtype=np.uint8))


def _steps(ground: Path, name: str) -> list[list[str]]:
    """Train one run, draw from it with every sampler, and measure the maps."""
    sections, drawings = RUNS[name]
    config = {
        **sections,
        "data": {"dataset": str(ground / "suite"), "train_split": 0.5},
        "model": {**_SMALL, **sections.get("model", {})},
        "training": {**_TRAINING, **sections.get("training", {})},
        "device": "cpu",
    }
    run = _folder(ground, name)
    file = run.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    steps = [["focus", "train", "--config", str(file), "--exp-dir", str(run)]]
    for drawing in ((), *drawings):
        maps, power = _files(ground, name, drawing)
        out = str(maps.with_suffix(".npz"))
        way = [word for pair in zip(("--sampler", "--steps"), drawing, strict=False) for word in pair]
        steps.append(["focus", "sample", "--run", str(run), "--params", THETA, "--n", "3", "--out", out, *way])
        steps.append(["save", out, str(maps)])
        steps.append(["focus", "spectrum", str(maps), "--box", "16", "--out", str(power)])
    return steps


def _folder(ground: Path, name: str) -> Path:
    return ground / str(list(RUNS).index(name))


def _files(ground: Path, name: str, drawing: tuple[str, ...]) -> tuple[Path, Path]:
    """The files with maps and P(k) of one sampler."""
    stem = ground / "_".join([_folder(ground, name).name, *drawing])
    return stem.with_suffix(".npy"), stem.with_suffix(".csv")


def _losses(run: Path) -> np.ndarray[Any, Any]:
    """Of every step and every validation, in their order."""
    lines = (run / "logs" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return np.array([value for event in events for key, value in sorted(event.items()) if key.endswith("loss")])


def _tell(name: str, what: str, values: np.ndarray[Any, Any]) -> None:
    assert values.size, f"{name}: there are no {what}"
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    print(f"{name:28}{what:18}{values.size:>8}  {digest[:32]}", flush=True)


def _do(sources: Path, steps: list[list[str]]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(sources), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=sources, env=environment, input=json.dumps(steps), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{sources}: {done.stdout[-2000:]}{done.stderr[-4000:]}")


if __name__ == "__main__":
    main()
