"""The training loop: one function, to be read from top to bottom."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from focus_core.config.experiment import ExperimentConfig
from focus_core.costs.estimate import estimate
from focus_core.diffusion.methods import make_method, measure
from focus_core.errors import StopRequested, UserError
from focus_core.networks.building import build_network, parameter_count
from focus_core.progress import Journal, find_events
from focus_core.run_files import LAST
from focus_core.training.accounting import StepClock, measured_peak, work_of_a_map
from focus_core.training.batches import TrainingMaps
from focus_core.training.device import PeakMemory, device_name, prepare
from focus_core.training.engine import Engine
from focus_core.training.epoch_figures import EpochFigures
from focus_core.training.history_figure import HistoryFigure
from focus_core.training.initial_weights import take_weights
from focus_core.training.learning_rate import LearningRate
from focus_core.training.ranks import ALONE, Ranks
from focus_core.training.run_folder import log
from focus_core.training.run_state import Position, RunData, checkpoint_state, restore_random_state
from focus_core.training.saving import CheckpointWriter
from focus_core.training.step_log import StepLog
from focus_core.training.stopping import StopSwitch
from focus_core.training.validation import Validation


def train(
    config: ExperimentConfig,
    run_folder: Path,
    data: RunData,
    device: torch.device,
    journal: Journal,
    stop: StopSwitch,
    state: dict[str, Any] | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Train to `num_epochs`, from the beginning or from a checkpoint's `state`.

    Raises StopRequested, with the state saved, when the switch is turned on.
    """
    with PeakMemory(device) as memory:
        # --- the method, the network and the optimiser
        training, grid = config.training, data.dataset.grid
        if state is None:
            known = measure(config, data.dataset, data.transform, data.split.train)
        else:
            known = state.get("method", {})
        method = make_method(config, known, device)
        torch.manual_seed(training.seed)
        network = build_network(config.model, data.dataset.periodic, method.start)
        prepare(device, training.deterministic)
        engine = Engine(config, network, method, device, state, ranks)

        # --- the maps
        maps = TrainingMaps(data.dataset, data.transform, data.split.train, config, device, ranks.count)
        validation = Validation(
            data.dataset, data.transform, data.split.validation, method, training.seed, training.batch_size
        )
        figures = EpochFigures(data.dataset, data.transform, data.split, method, config)
        steps_per_epoch = maps.steps_per_epoch
        rate = LearningRate(training.scheduler, training.lr, steps_per_epoch, training.num_epochs)

        # --- where an earlier start stopped
        position, steps = Position(), StepLog(journal, steps_per_epoch)
        if state is not None:
            engine.load_state(state, run_folder / LAST)
            rate.load_state_dict(state["scheduler"])
            position = Position.of(state)
            steps = StepLog(journal, steps_per_epoch, state["loss_sum"], state["loss_count"])
            steps.saved_step = position.step
            restore_random_state(state["rng"], device)
        elif data.parent is not None:
            take_weights(data.parent, config, engine.network, engine.average.network)
        resumed = state is not None

        # --- report the start
        work, clock = work_of_a_map(config, grid, data.dataset.periodic), StepClock(device)
        peak = measured_peak(device, engine.runner.precision.number) * ranks.count
        journal.write(
            "run_started",
            epoch=position.epoch,
            step=position.step,
            num_epochs=training.num_epochs,
            steps_per_epoch=steps_per_epoch,
            parameters=parameter_count(network),
            device=f"{device} ({device_name(device)})",
            config_digest=config.digest(),
            resumed=resumed,
            train_maps=len(maps),
            validation_maps=len(validation.indices),
            torch=torch.__version__,
            devices=ranks.count,
            init_from=None if data.parent is None else data.parent.path,
            init_from_sha256=None if data.parent is None else data.parent.sha256,
            peak_memory_estimate=estimate(config, grid, engine.runner.precision.number).memory_bytes
            + maps.storage.bytes * maps.storage.resident,
            precision=engine.runner.precision.number,
            compiled=engine.runner.compiled,
            data=str(maps.storage),
            peak_flops=peak,
        )
        log.info(
            "%s at epoch %d of %d: %s parameters, %d training maps of %d², %d validation maps, on %s",
            "resumed" if resumed else "started",
            position.epoch,
            training.num_epochs,
            f"{parameter_count(network):,}",
            len(maps),
            grid,
            len(validation.indices),
            device,
        )
        precision = engine.runner.precision
        log.info("computes in %s (%s)", precision.number, precision.reason)
        if engine.runner.compiled:
            log.info("the first step compiles the network, which takes a minute or more")
        log.info("training maps are %s", maps.storage)
        started, elapsed_before = time.monotonic(), position.elapsed
        checkpoints, curves = CheckpointWriter(run_folder, journal, training), HistoryFigure(run_folder)

        def save(best: bool = False, epoch_done: bool = False) -> None:
            steps.flush()  # a loss that is not finite ends the run here, with the checkpoint from before it
            position.elapsed = elapsed_before + time.monotonic() - started
            if ranks.first:
                contents = checkpoint_state(config, data, method, engine, rate, position, steps)
                checkpoints.save(contents, best=best, epoch_done=epoch_done)
            steps.saved_step = position.step

        def draw() -> None:
            """By the first rank; the others wait."""
            if not figures.is_due(position.epoch):
                return
            if ranks.first and not drawn():
                with suppress(StopRequested):
                    draw_now()
            ranks.check(stop)

        def drawn() -> bool:
            """And recorded: a process can be killed between the two."""
            if not figures.are_there(run_folder, position.epoch, figures.names):
                return False
            told = {event["name"] for event in find_events(journal.path, "figure", epoch=position.epoch)}
            return told.issuperset(figures.names)

        def draw_now() -> None:
            began = time.monotonic()
            try:
                made = figures.make(
                    run_folder, engine.average.network, position.epoch, lambda done, total: stop.check()
                )
            except UserError as error:  # such as maps without a spectrum: training matters more than a figure
                log.warning("the figures of epoch %d could not be drawn: %s", position.epoch, error)
                return
            for figure in made:
                journal.write(
                    "figure",
                    epoch=position.epoch,
                    step=position.step,
                    name=figure.name,
                    path=str(figure.path),
                    arrays=str(figure.arrays),
                    **figure.extra,
                )
            log.info("the figures of epoch %d drawn in %.1f s", position.epoch, time.monotonic() - began)
            for words in filter(None, (figure.in_words for figure in made)):
                log.info("%s", words)

        # --- complete what an earlier start was killed before
        if state is not None and ranks.first:
            checkpoints.settle(state)
            curves.draw(position.history)
        state = None

        try:
            draw()  # those of the epoch after which an earlier start was stopped
            while position.epoch < training.num_epochs:
                # --- an epoch: every training map once
                epoch_began, images = time.monotonic(), 0
                network.train()
                batches = maps.epoch(position.epoch, position.step - position.epoch * steps_per_epoch)
                clock.restart()
                for x0, condition in clock.waiting(batches):
                    ranks.check(stop)
                    now = rate.at(position.step)
                    done = engine.step(x0, condition, now, position.step + 1)
                    position.step += 1
                    steps.add(position.step, len(x0), now, done.loss, done.gradient_norm)
                    clock.step_done()
                    images += len(x0)
                    if checkpoints.is_due:
                        save()
                        clock.restart()
                steps.flush()
                trained_for, accounts = time.monotonic() - epoch_began, clock.epoch_done()

                # --- validate
                val_loss = validation.loss(engine.average.network, device, lambda: ranks.check(stop), ranks)
                if not math.isfinite(val_loss):
                    raise UserError(
                        f"The validation loss is not finite after epoch {position.epoch + 1}; check the maps with "
                        "focus data check, lower training.lr, and start with --fresh."
                    )
                position.epoch += 1
                position.val_loss, best = val_loss, val_loss < position.best_val_loss
                position.best_val_loss = min(val_loss, position.best_val_loss)
                reduced = rate.epoch_done(position.epoch, val_loss)
                entry = {
                    "epoch": position.epoch,
                    "step": position.step,
                    "train_loss": steps.end_epoch(),
                    "val_loss": val_loss,
                    "lr": engine.rate,
                    "seconds": time.monotonic() - epoch_began,
                    "images_per_second": images / trained_for if images and trained_for > 0 else None,
                    "peak_memory_bytes": memory.read(),
                    **accounts,
                    "flops_per_step": work * training.batch_size,
                    "peak_share": work * images / trained_for / peak if images and trained_for > 0 else None,
                    "elapsed": elapsed_before + time.monotonic() - started,
                    "compiled": engine.runner.compiled,
                    "best": best,
                }
                position.history.append(entry)

                # --- record it: the journal first, since an epoch without a checkpoint is trained and recorded again,
                # --- but one with a checkpoint and without its line would be missing for ever
                journal.write("epoch", **entry)
                if reduced is not None:
                    journal.write("lr_reduced", epoch=position.epoch, before=reduced[0], after=reduced[1])
                    log.info("learning rate reduced from %.3g to %.3g", *reduced)
                save(best, epoch_done=True)
                log.info(
                    "epoch %d/%d  train %.5f  val %.5f%s  lr %.2e  %.1f s",
                    position.epoch,
                    training.num_epochs,
                    entry["train_loss"],
                    val_loss,
                    " (best)" if best else "",
                    entry["lr"],
                    entry["seconds"],
                )
                if ranks.first and position.epoch < training.num_epochs:
                    curves.draw_in_time(position.history)
                elif ranks.first:
                    curves.draw(position.history)
                draw()
        except StopRequested as request:
            save()
            if ranks.first:
                curves.draw(position.history)
            journal.write("run_ended", epoch=position.epoch, step=position.step, reason="stopped", message=str(request))
            message = f"{request} at epoch {position.epoch}, step {position.step}; start it again to resume."
            log.info("%s", message)
            raise StopRequested(message) from None
        journal.write("run_ended", epoch=position.epoch, step=position.step, reason="finished", message="")
        log.info("finished after %d epochs", position.epoch)
