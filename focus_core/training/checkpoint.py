"""Checkpoints: everything a training needs to go on as if it had never stopped, and a sampler to know its network.

A checkpoint is a plain dictionary that `torch.load(weights_only=True)` reads:

    format, config, model, ema, optimizer, scheduler, epoch, step, val_loss, best_val_loss, history, rng,
    loss_sum, loss_count (of the epoch under way), elapsed, parameter_space, transform, method (what it measured on
    the training maps; absent in the first version, where no method measured anything), data
    (grid, box_size, unit, field, redshift, normalised, periodic, digest, name)
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from focus_core.data.atomic import replacing
from focus_core.errors import UserError

FORMAT = 1
FOLDER = Path("checkpoints")
BEST, LAST = FOLDER / "checkpoint_best.pt", FOLDER / "checkpoint_last.pt"
WEIGHTS = Path("weights")


@dataclass(frozen=True)
class SavedCheckpoint:
    """`path` is relative to the run folder."""

    role: str
    path: Path
    bytes: int
    sha256: str


def save_checkpoint(run_folder: Path, state: dict[str, Any], best: bool) -> list[SavedCheckpoint]:
    """Replace checkpoint_last.pt, and checkpoint_best.pt too if this is the best; both or the old ones are there.

    A disk without room is a UserError; what was written before stays.
    """
    path = run_folder / LAST
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as file:
            torch.save(state, file)
        if best:
            _take_over(path, run_folder / BEST)
            _save_weights(run_folder, state)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise _not_written(path, error) from error
    digest = sha256_of(path)
    roles = [("last", LAST), *([("best", BEST)] if best else [])]
    return [SavedCheckpoint(role, name, path.stat().st_size, digest) for role, name in roles]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU. UserError if it is missing, truncated, or not one of FOCUS."""
    if not path.is_file():
        raise UserError(f"{path}: there is no checkpoint here yet; train the run first.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: is not a readable checkpoint ({_first_line(error)}); move it away to start from another one."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path}: is not a checkpoint of this version of FOCUS (format {FORMAT}); train the run anew.")
    return state


def load_weights(network: nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """Copy weights into a network; UserError that names the tensors if they are those of another architecture."""
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    differing = sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name))
    if differing:
        shown = ", ".join(
            f"{name} ({given.get(name, 'missing')} here, {own.get(name, 'none')} in the network)"
            for name in differing[:3]
        )
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise UserError(
            f"{source}: holds the weights of another architecture: {shown}{more}; use the configuration it was "
            "trained with."
        )
    network.load_state_dict(weights)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_torn_files(run_folder: Path) -> None:
    """Temporary files of a writer that was killed; only the holder of the run's lock may call this."""
    for folder in (FOLDER, WEIGHTS):
        for torn in (run_folder / folder).glob(".*.part"):
            torn.unlink(missing_ok=True)


def _take_over(path: Path, target: Path) -> None:
    """`target` becomes the same file as `path`: a second name where the file system has such, else a copy.

    The next save gives `path` a new file, so the best one is not touched by it.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:
        shutil.copyfile(path, temporary)
    temporary.replace(target)


def _save_weights(run_folder: Path, state: dict[str, Any]) -> None:
    """The best weights for other programs: no pickle, no optimiser."""
    (run_folder / WEIGHTS).mkdir(exist_ok=True)
    about = {"epoch": str(state["epoch"]), "val_loss": repr(state["val_loss"])}
    for name, weights in (("ema", state["ema"]), ("raw", state["model"])):
        target = run_folder / WEIGHTS / f"{name}.safetensors"
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        save_file({key: tensor.detach().contiguous().cpu() for key, tensor in weights.items()}, temporary, about)
        temporary.replace(target)


def _not_written(path: Path, error: Exception) -> Exception:
    """torch's writer says RuntimeError when the file below it fails; anything else of that kind is ours."""
    if isinstance(error, RuntimeError) and "Writer" not in str(error) and "pos" not in str(error):
        return error
    reason = "the disk took only a part of it" if isinstance(error, RuntimeError) else _first_line(error)
    reason = (error.strerror if isinstance(error, OSError) else None) or reason
    free = shutil.disk_usage(path.parent).free / 1e6
    kept = "the last good checkpoint is untouched" if path.exists() else "there is no earlier one"
    return UserError(
        f"{path}: could not be written ({reason}; {free:,.0f} MB free); {kept}: make room and start the same run "
        "again to resume."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
