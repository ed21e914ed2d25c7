"""A training that was stopped, crashed or out of disk continues as if nothing had been."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from full_disk import files_no_larger_than
from mortal import mortal
from safetensors import SafetensorError, safe_open
from waiting import await_condition, patience

from focus_core.catalogue.map_statistics import MAP_STATISTICS
from focus_core.config.experiment import ExperimentConfig, to_yaml
from focus_core.errors import StopRequested, UserError
from focus_core.figures import history
from focus_core.networks.simple_unet import SimpleUNet
from focus_core.progress import Journal, find_events, read_events
from focus_core.run_files import BEST, HISTORY, JOURNAL, LAST
from focus_core.training import checkpoint
from focus_core.training.checkpoint import load_checkpoint, load_weights, path_of_role, save_checkpoint, sha256_of
from focus_core.training.epoch_figures import SAMPLES, EpochFigures
from focus_core.training.learning_rate import LearningRate
from focus_core.training.start import run_training
from focus_core.training.stopping import PARENT, StopSwitch
from focus_core.training.validation import Validation

ConfigMaker = Callable[..., ExperimentConfig]


class StopAfter(StopSwitch):
    """Turns itself on at the n-th look: before a step, between validation batches, or in the middle of a figure."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.turn_on("stopped by a test")
        super().check()


def losses(run_folder: Path) -> dict[tuple[str, int], tuple[float, ...]]:
    """The last value of every step and epoch in the journal."""
    found: dict[tuple[str, int], tuple[float, ...]] = {}
    for event, _ in read_events(run_folder / JOURNAL):
        if event["kind"] == "step":
            found["step", event["step"]] = (event["loss"], event["lr"], event["grad_norm"])
        elif event["kind"] == "epoch":
            found["epoch", event["epoch"]] = (event["train_loss"], event["val_loss"], event["lr"])
    return found


# Two looks before the first epoch, then three steps, two validation batches and four evaluations of a figure.
@pytest.mark.parametrize("looks", [4, 6, 9], ids=["in an epoch", "in validation", "in a figure"])
def test_a_stopped_training_resumes_with_the_losses_of_one_that_never_stopped(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, looks: int
) -> None:
    with pytest.raises(StopRequested, match="start it again to resume"):
        run_training(tiny_config(), tmp_path, tiny_home, StopAfter(looks))
    last = [event for event, _ in read_events(tmp_path / JOURNAL)][-1]
    assert (last["kind"], last["reason"]) == ("run_ended", "stopped")
    run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert losses(tmp_path) == losses(finished_run)
    assert {event["attempt"] for event, _ in read_events(tmp_path / JOURNAL)} == {1, 2}
    for name in sorted(path.name for path in (finished_run / "figs").iterdir()):
        assert (tmp_path / "figs" / name).exists()
    one, other = (load_checkpoint(folder / LAST) for folder in (finished_run, tmp_path))
    for part in ("model", "ema"):
        torch.testing.assert_close(dict(one[part]), dict(other[part]), rtol=0, atol=0)


def test_more_epochs_continue_a_finished_run(tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker) -> None:
    run_training(tiny_config(training={"num_epochs": 1}), tmp_path, tiny_home, StopSwitch())
    run_training(tiny_config(), tmp_path, tiny_home, StopSwitch(), attempt=7)
    events = [event for event, _ in read_events(tmp_path / JOURNAL)]
    assert [event["epoch"] for event in events if event["kind"] == "epoch"] == [1, 2]
    assert [event["attempt"] for event in events if event["kind"] == "run_started"] == [1, 7]
    assert events[-1]["reason"] == "finished"


def test_a_disk_without_room_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    good = {"format": 1, "epoch": 1, "val_loss": 0.5, "model": {"w": torch.ones(10)}, "ema": {"w": torch.ones(10)}}
    save_checkpoint(tmp_path, good, best=True)
    before = (tmp_path / LAST).read_bytes()
    large = {**good, "epoch": 2, "model": {"w": torch.ones(1_000_000)}}
    with files_no_larger_than(100_000), pytest.raises(UserError, match=r"could not be written .* resume") as caught:
        save_checkpoint(tmp_path, large, best=True)
    assert "last good checkpoint is untouched" in str(caught.value)
    assert (tmp_path / LAST).read_bytes() == before
    assert load_checkpoint(tmp_path / BEST)["epoch"] == 1
    assert not list(tmp_path.rglob("*.part"))
    save_checkpoint(tmp_path, large, best=True)
    assert load_checkpoint(tmp_path / BEST)["epoch"] == 2


def test_weights_that_find_no_room_are_told_by_their_name_beside_a_checkpoint_that_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    state = {"format": 1, "epoch": 1, "val_loss": 0.5, "model": {"w": torch.ones(3)}, "ema": {"w": torch.ones(3)}}
    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(UserError, match=r"/weights: could not be .*checkpoint_last\.pt is good: make room and start"):
        save_checkpoint(tmp_path, state, best=True)
    assert load_checkpoint(tmp_path / BEST)["epoch"] == 1


def test_a_training_out_of_disk_ends_with_a_sentence_and_goes_on_when_there_is_room(
    finished_run: Path, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run_training(tiny_config(training={"num_epochs": 1}), tmp_path, tiny_home, StopSwitch())
    size = (tmp_path / LAST).stat().st_size
    with files_no_larger_than(size // 2), pytest.raises(UserError, match="make room"):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    last = [event for event, _ in read_events(tmp_path / JOURNAL)][-1]
    assert (last["kind"], last["reason"]) == ("run_ended", "failed")
    run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert losses(tmp_path) == losses(finished_run)


def test_the_best_checkpoint_is_not_touched_by_a_later_one(tmp_path: Path) -> None:
    state: dict[str, Any] = {"format": 1, "epoch": 1, "val_loss": 0.5, "model": {"w": torch.ones(3)}}
    state["ema"] = state["model"]
    save_checkpoint(tmp_path, state, best=True)
    save_checkpoint(tmp_path, {**state, "epoch": 2}, best=False)
    assert [load_checkpoint(tmp_path / path)["epoch"] for path in (BEST, LAST)] == [1, 2]


def test_a_truncated_checkpoint_is_named(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes((finished_run / LAST).read_bytes()[:5000])
    with pytest.raises(UserError, match=r"cut\.pt: is not a readable checkpoint"):
        load_checkpoint(tmp_path / "cut.pt")
    torch.save({"something": "else"}, tmp_path / "foreign.pt")
    with pytest.raises(UserError, match=r"foreign\.pt: is not a checkpoint of this version"):
        load_checkpoint(tmp_path / "foreign.pt")
    with pytest.raises(UserError, match=r"missing\.pt: there is no checkpoint"):
        load_checkpoint(tmp_path / "missing.pt")


def test_weights_of_another_architecture_are_named(finished_run: Path) -> None:
    weights = load_checkpoint(finished_run / BEST)["ema"]
    with pytest.raises(UserError, match=r"another architecture: .*condition\.0\.weight \(\(16, 6\) here, \(16, 4\)"):
        load_weights(SimpleUNet(1, 1, 4, 8, (1, 2), 16), weights, finished_run / BEST)


def test_changed_data_are_not_trained_on(tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker) -> None:
    run_training(tiny_config(training={"num_epochs": 1}), tmp_path, tiny_home, StopSwitch())
    state = torch.load(tmp_path / LAST, weights_only=True)
    state["data"]["digest"] = "sha256:" + 64 * "0"
    save_checkpoint(tmp_path, state, best=False)
    with pytest.raises(UserError, match="has changed since this run was trained"):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())


def test_a_loss_that_is_not_finite_ends_the_run_with_a_sentence(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "loss", lambda *_: float("nan"))
    with pytest.raises(UserError, match="not finite after epoch 1"):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    last = [event for event, _ in read_events(tmp_path / JOURNAL)][-1]
    assert (last["kind"], last["reason"]) == ("run_ended", "failed")
    assert "not finite" in last["message"]


def test_sigterm_ends_the_command_with_code_3_and_a_checkpoint(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    config = tmp_path / "long.yaml"
    config.write_text(to_yaml(tiny_config(training={"num_epochs": 10_000, "sample_every": 10_000})))
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(config), "--exp-dir", str(folder)]
    environment = {**os.environ, "FOCUS_HOME": str(tiny_home), "OMP_NUM_THREADS": "1"}
    with mortal(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        await_condition(lambda: len(losses(folder)) > 3 or process.poll() is not None, "the first losses")
        process.send_signal(signal.SIGTERM)
        _, message = process.communicate(timeout=patience())
    assert process.returncode == 3, message
    assert b"start it again to resume" in message
    state = load_checkpoint(folder / LAST)
    assert state["step"] == max(step for kind, step in losses(folder) if kind == "step")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
def test_a_training_notices_that_its_parent_died(tmp_path: Path) -> None:
    """A parent starts a child that follows it, waits until it listens, and is killed."""
    child = (
        "import sys, time, pathlib\n"
        "from focus_core.training.stopping import StopSwitch\n"
        "switch = StopSwitch(); switch.listen()\n"
        f"pathlib.Path({str(tmp_path)!r}, 'listening').touch()\n"
        "while not switch.on: time.sleep(0.02)\n"
        f"pathlib.Path({str(tmp_path)!r}, 'noticed').touch()\n"
    )
    parent = (
        "import os, subprocess, sys, time\n"
        f"env = {{**os.environ, {PARENT!r}: str(os.getpid())}}\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], env=env)\n"
        "time.sleep(600)\n"
    )
    with mortal([sys.executable, "-c", parent]) as process:
        await_condition((tmp_path / "listening").exists, "the child to listen")
        process.kill()
    await_condition((tmp_path / "noticed").exists, "the child to notice")


class Killed(BaseException):
    """Nobody catches it, as nobody catches a SIGKILL."""


def kill_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, when: Callable[..., bool]) -> None:
    """The call of owner.name for which `when` says so is not made, nor anything after it."""
    call = getattr(owner, name)

    def called(*arguments: Any, **keywords: Any) -> Any:
        if when(*arguments, **keywords):
            raise Killed
        return call(*arguments, **keywords)

    monkeypatch.setattr(owner, name, called)


def second_epochs(kind: str) -> Callable[..., bool]:
    return lambda journal, told, **fields: told == kind and fields["epoch"] == 2


KILLS: dict[str, tuple[object, str, Callable[..., bool]]] = {
    "the kept epoch": (checkpoint, "_take_over", lambda path, target: target.name == "checkpoint_epoch_0002.pt"),
    "the best": (checkpoint, "_become_best", lambda folder, state: state["epoch"] == 2),
    "the weights": (checkpoint, "_save_weights", lambda folder, state: state["epoch"] == 2),
    "the checkpoint's lines": (Journal, "write", second_epochs("checkpoint")),
    "the curves": (history, "draw_history", lambda file, history: len(history) == 2),
    "the figures' lines": (Journal, "write", second_epochs("figure")),
}


@pytest.mark.parametrize("before", KILLS)
def test_what_a_killed_training_had_not_written_of_an_epoch_is_written_when_it_resumes(
    before: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(training={"keep_every": 2})
    with monkeypatch.context() as patch:
        kill_at(patch, *KILLS[before])
        with pytest.raises(Killed):
            run_training(config, tmp_path, tiny_home, StopSwitch())
    run_training(config, tmp_path, tiny_home, StopSwitch())
    last = load_checkpoint(tmp_path / LAST)
    assert last["history"][-1]["best"]
    for role in ("best", "epoch_0002"):
        torch.testing.assert_close(
            load_checkpoint(tmp_path / path_of_role(role))["model"], last["model"], rtol=0, atol=0
        )
    for name in ("ema", "raw"):
        with safe_open(tmp_path / "weights" / f"{name}.safetensors", "pt") as file:
            assert file.metadata()["epoch"] == "2"
    files = find_events(tmp_path / JOURNAL, "checkpoint", epoch=2)
    assert {event["role"] for event in files} == {"last", "best", "epoch_0002"}
    assert all(sha256_of(tmp_path / event["path"]) == event["sha256"] for event in files)
    assert {event["name"] for event in find_events(tmp_path / JOURNAL, "figure", epoch=2)} == {SAMPLES, *MAP_STATISTICS}
    curves, written = (tmp_path / path for path in (HISTORY, LAST))
    assert curves.stat().st_mtime_ns > written.stat().st_mtime_ns


def test_a_reduction_of_the_rate_is_told_before_the_checkpoint_that_makes_it_last(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LearningRate, "epoch_done", lambda rate, epoch, loss: (1e-3, 3e-4) if epoch == 2 else None)
        kill_at(patch, *KILLS["the best"])
        with pytest.raises(Killed):
            run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert [event["epoch"] for event in find_events(tmp_path / JOURNAL, "lr_reduced")] == [2]


def test_what_is_complete_is_not_told_again(tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker) -> None:
    for epochs in (1, 2):
        run_training(tiny_config(training={"num_epochs": epochs}), tmp_path, tiny_home, StopSwitch())
    for kind in ("checkpoint", "figure"):
        told = [(e["step"], e.get("role"), e.get("name")) for e in find_events(tmp_path / JOURNAL, kind)]
        assert len(told) == len(set(told))


def test_figures_that_cannot_be_drawn_do_not_end_the_training(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: Any) -> None:
        raise UserError("maps: map 0 has pixels that are not finite; a spectrum needs finite maps.")

    with monkeypatch.context() as patch:
        patch.setattr(EpochFigures, "make", make)
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert load_checkpoint(tmp_path / LAST)["epoch"] == 2
    log = (tmp_path / "logs" / "training.log").read_text()
    assert "the figures of epoch 2 could not be drawn: maps: map 0" in log
    # They are tried again when the run is started again.
    run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    assert {event["epoch"] for event in find_events(tmp_path / JOURNAL, "figure")} == {2}
