"""Checkpoints: everything that sampling needs, and a training run to continue as if it had never stopped.

A checkpoint is a plain dictionary that `torch.load(weights_only=True)` reads:

    format, config, model, ema, optimizer, scheduler, epoch, step, val_loss, best_val_loss, history, rng,
        loss_sum, loss_count (of the current epoch), elapsed, parameter_space, transform, method (its measurements on
    the training maps; absent in the first version, where no method measured anything), data
    (grid, box_size, unit, field, redshift, normalised, periodic, digest, name), and of a fine-tuned run init_from
    (path, sha256, epoch, step of the checkpoint whose weights were its first)

The file is a zip archive in which every record has its CRC-32: a checkpoint is verified by itself, wherever it was
copied to, whenever it is read. The journal records the sha256 of the whole file.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from focus_core.disk.atomic import neighbour, replacing
from focus_core.errors import DISK_FULL, UserError
from focus_core.run_files import BEST, CHECKPOINTS, DAMAGED, LAST, PREVIOUS, WEIGHTS, checkpoint_file, weights_file

FORMAT = 1
# Without these a training run does not continue as if it had never stopped.
NEEDED_TO_RESUME = frozenset(
    ("config", "model", "ema", "optimizer", "scheduler", "epoch", "step", "val_loss", "best_val_loss", "history", "rng")
)
_EPOCH_ROLE = re.compile(r"epoch_\d{4,}")


class DamagedCheckpoint(UserError):
    """The file exists, but its content is not what was written: truncated, altered, or of another kind."""


@dataclass(frozen=True)
class SavedCheckpoint:
    """`path` is relative to the run folder."""

    role: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True)
class FoundCheckpoint:
    """What a training run continues from. `damaged` describes the fault of each newer file, paths as in `path`."""

    state: dict[str, Any]
    path: Path
    damaged: tuple[tuple[Path, str], ...] = ()


def epoch_role(epoch: int) -> str:
    return f"epoch_{epoch:04d}"


def path_of_role(role: str) -> Path:
    """Relative to the run folder. UserError for an unknown role."""
    if role not in ("best", "last") and _EPOCH_ROLE.fullmatch(role) is None:
        raise UserError(f"checkpoint: '{role}' is not known; choose best, last or a kept epoch, epoch_0010 say.")
    return checkpoint_file(role)


def save_checkpoint(run_folder: Path, state: dict[str, Any], best: bool, keep: bool = False) -> list[SavedCheckpoint]:
    """Replace checkpoint_last.pt, then checkpoint_best.pt and the weights if this is the best.

    The previous last one becomes checkpoint_previous.pt; `keep` also names this one after its epoch. A full disk is
    a UserError; every file is the old or the new one. On resuming, `settle_checkpoint` is called, in case a writer
    was killed half-way.
    """
    path = run_folder / LAST
    path.parent.mkdir(parents=True, exist_ok=True)
    untouched = "the last good checkpoint is untouched" if path.exists() else "there is no earlier one"
    with _telling_why(path, untouched), replacing(path) as file:
        torch.save(state, file)
        if path.exists():
            _take_over(path, run_folder / PREVIOUS)
    with _telling_why(run_folder / WEIGHTS, f"{LAST} is good"):
        if keep:
            _take_over(path, run_folder / path_of_role(epoch_role(state["epoch"])))
        if best:
            _become_best(run_folder, state)
    digest, size = sha256_of(path), path.stat().st_size
    return [SavedCheckpoint(role, path_of_role(role), size, digest) for role in _roles(state, best, keep)]


def settle_checkpoint(run_folder: Path, state: dict[str, Any], best: bool, keep: bool) -> list[str]:
    """Complete what `save_checkpoint` with these arguments may have left undone after checkpoint_last.pt, which holds
    `state`; returns its roles.
    """
    path = run_folder / LAST
    with _telling_why(run_folder / WEIGHTS, f"{LAST} is good"):
        kept = run_folder / path_of_role(epoch_role(state["epoch"]))
        if keep and not kept.exists():
            _take_over(path, kept)
        if best and _epochs_of_weights(run_folder) != {str(state["epoch"])}:
            _become_best(run_folder, state)
    return _roles(state, best, keep)


def saved_as(run_folder: Path, role: str) -> SavedCheckpoint:
    path = path_of_role(role)
    return SavedCheckpoint(role, path, (run_folder / path).stat().st_size, sha256_of(run_folder / path))


def _roles(state: dict[str, Any], best: bool, keep: bool) -> list[str]:
    return ["last", *(["best"] if best else []), *([epoch_role(state["epoch"])] if keep else [])]


def _become_best(run_folder: Path, state: dict[str, Any]) -> None:
    """The weights last: their presence shows that the rest is done."""
    _take_over(run_folder / LAST, run_folder / BEST)
    _save_weights(run_folder, state)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU and verify it.

    UserError if it is missing, DamagedCheckpoint if it is truncated, altered, or not one of FOCUS.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no checkpoint here yet; train the run first.")
    try:
        _verify(path)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); fix this and rerun.") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        is_pickle = isinstance(error, pickle.UnpicklingError)  # whose message in torch is long, and partly bold
        what = "it holds Python objects, which FOCUS does not load" if is_pickle else _first_line(error)
        raise DamagedCheckpoint(
            f"{path}: is not a readable checkpoint ({what}); choose another one, or resume its run, which continues "
            "from the last good one."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DamagedCheckpoint(
            f"{path}: is not a checkpoint of this version of FOCUS (format {FORMAT}); train the run anew."
        )
    return state


def last_good(run_folder: Path) -> FoundCheckpoint | None:
    """The newest checkpoint that can be read; None if there is none at all. UserError if every one is damaged."""
    if not any((run_folder / path).exists() for path in (LAST, PREVIOUS, BEST)) and not kept_epochs(run_folder):
        return None
    damaged: list[tuple[Path, str]] = []
    newest = _read_if_good(run_folder, [LAST], damaged)
    if newest is None:
        # Their content shows which is newer: the best may be of the same epoch as the last one.
        others = ([PREVIOUS], [BEST], [path_of_role(role) for role in kept_epochs(run_folder)])
        found = [good for paths in others if (good := _read_if_good(run_folder, paths, damaged)) is not None]
        newest = max(found, key=lambda good: int(good[1]["step"]), default=None)
    if newest is None:
        path, what = damaged[0]
        raise DamagedCheckpoint(
            f"{run_folder / path}: {what}, and there is no other checkpoint to continue from; put the run aside and "
            "start it anew with --fresh."
        )
    path, state = newest
    return FoundCheckpoint(state, path, tuple(damaged))


def _read_if_good(
    run_folder: Path, paths: list[Path], damaged: list[tuple[Path, str]]
) -> tuple[Path, dict[str, Any]] | None:
    """The first from which training can continue; the faults of those before it are added to `damaged`."""
    for path in paths:
        if not (run_folder / path).exists():
            if path == LAST:
                damaged.append((path, "is not there"))
            continue
        if not (run_folder / path).is_file():
            damaged.append((path, "is no file"))
            continue
        try:
            state = load_checkpoint(run_folder / path)
        except DamagedCheckpoint as error:
            damaged.append((path, str(error).partition(": ")[2].partition(";")[0]))
            continue
        if missing := sorted(NEEDED_TO_RESUME - state.keys()):
            damaged.append((path, f"lacks {', '.join(missing)}"))
            continue
        return path, state
    return None


def put_damaged_aside(run_folder: Path, found: FoundCheckpoint) -> None:
    """The checkpoint that was found becomes the last one; the damaged one is kept beside it."""
    if (run_folder / LAST).exists():
        (run_folder / LAST).replace(run_folder / DAMAGED)
    _take_over(run_folder / found.path, run_folder / LAST)


def kept_epochs(run_folder: Path) -> list[str]:
    """Roles of the epochs whose checkpoints are kept, the newest first."""
    pattern = checkpoint_file("epoch_*").name
    names = (run_folder / CHECKPOINTS).glob(pattern) if (run_folder / CHECKPOINTS).is_dir() else ()
    roles = (path.stem[pattern.index("epoch") :] for path in names)
    return sorted(filter(_EPOCH_ROLE.fullmatch, roles), key=lambda role: int(role.partition("_")[2]), reverse=True)


def _verify(path: Path) -> None:
    """ValueError unless every record of the archive has the checksum with which it was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, UnicodeDecodeError) as error:
        raise ValueError(f"{_first_line(error)}: it was cut or altered") from error
    if wrong is not None:
        raise ValueError(f"the checksum of its record {wrong} is wrong")


def load_weights(network: nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """Copy weights into a network; UserError that names the tensors if they are those of another architecture."""
    check_tensors(network, weights, source)
    network.load_state_dict(weights)


def check_tensors(network: nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """UserError that names the tensors in which these weights differ from the network's."""
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


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_torn_files(run_folder: Path) -> None:
    """Remove temporary files of a killed writer; only the holder of the run's lock may call this."""
    for folder in (CHECKPOINTS, WEIGHTS):
        for torn in (run_folder / folder).glob(".*.part"):
            torn.unlink(missing_ok=True)


def _take_over(path: Path, target: Path) -> None:
    """`target` becomes the same file as `path`: a hard link if the file system supports it, otherwise a copy.

    The next save gives `path` a new file, so it does not affect the best one.
    """
    with neighbour(target) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)


def _save_weights(run_folder: Path, state: dict[str, Any]) -> None:
    """The best weights for other programs: no pickle, no optimiser."""
    (run_folder / WEIGHTS).mkdir(exist_ok=True)
    about = {"epoch": str(state["epoch"]), "val_loss": repr(state["val_loss"])}
    for name, weights in (("ema", state["ema"]), ("raw", state["model"])):
        with neighbour(run_folder / weights_file(name)) as temporary:
            save_file({key: tensor.detach().contiguous().cpu() for key, tensor in weights.items()}, temporary, about)
            shutil.copymode(run_folder / LAST, temporary)  # safetensors makes them readable by their owner only


def _epochs_of_weights(run_folder: Path) -> set[str]:
    """Epochs of the two files of weights; none for missing or unreadable files."""
    epochs = set()
    for name in ("ema", "raw"):
        try:
            with safe_open(run_folder / weights_file(name), "pt") as file:
                epochs.add((file.metadata() or {}).get("epoch", ""))
        except (OSError, SafetensorError):
            epochs.add("")
    return epochs


@contextmanager
def _telling_why(path: Path, what_is_left: str) -> Iterator[None]:
    """Raises the message for a checkpoint that could not be written."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise _not_written(path, what_is_left, error) from error


def _not_written(path: Path, what_is_left: str, error: Exception) -> Exception:
    """torch's writer raises RuntimeError when the file below it fails; any other RuntimeError is an internal error."""
    if isinstance(error, RuntimeError) and "Writer" not in str(error) and "pos" not in str(error):
        return error
    reason, file, remedy = _first_line(error), path, "make room"
    if isinstance(error, RuntimeError):
        reason = "the disk took only a part of it"
    elif isinstance(error, OSError):
        reason, file = error.strerror or reason, Path(error.filename or path)
        remedy = "make room" if error.errno in DISK_FULL else "fix this"
    free = f"; {shutil.disk_usage(path.parent).free / 1e6:,.0f} MB free" if remedy == "make room" else ""
    return UserError(
        f"{file}: could not be written ({reason}{free}); {what_is_left}: {remedy} and start the same run again to "
        "resume."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
