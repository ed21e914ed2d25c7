"""The parts of a training run: rate, average, batches, validation."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from focus_core.config.experiment import ExperimentConfig
from focus_core.config.training import SchedulerSection
from focus_core.data.opening import open_dataset
from focus_core.data.transform import fit_transform
from focus_core.diffusion.methods import make_method
from focus_core.errors import UserError
from focus_core.networks.building import build_network
from focus_core.progress import Journal
from focus_core.training.batches import TrainingMaps
from focus_core.training.device import PeakMemory
from focus_core.training.ema import MovingAverage
from focus_core.training.learning_rate import LearningRate
from focus_core.training.step_log import StepLog
from focus_core.training.validation import Validation

ConfigMaker = Callable[..., ExperimentConfig]

# A validation loss that falls, stalls, rises, falls within torch's threshold, and falls again.
RECORDED = [1.0, 0.8, 0.7, 0.65, 0.62, 0.60, 0.61, 0.60, 0.599999, 0.60, 0.55, 0.56, 0.57, 0.58, 0.59, 0.6, 0.61, 0.62]
RECORDED += [0.5 + 0.01 * i for i in range(12)] * 3


def test_the_warm_up_rises_by_step_from_the_first_to_the_base_rate() -> None:
    rate = LearningRate(SchedulerSection(), 1e-4, steps_per_epoch=10, num_epochs=200)
    expected = [1e-4 * min(1.0, (step + 1) / 50) for step in range(80)]
    np.testing.assert_allclose([rate.at(step) for step in range(80)], expected)
    assert rate.at(49) == 1e-4


@pytest.mark.parametrize("warm_up", [0, 5])
def test_the_plateau_follows_torch_over_a_recorded_sequence_after_the_warm_up(warm_up: int) -> None:
    section = SchedulerSection(warmup_epochs=warm_up, patience=2, factor=0.3, min_lr=1e-7)
    rate = LearningRate(section, 1e-4, steps_per_epoch=4, num_epochs=200)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-4)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2, min_lr=1e-7)
    reductions = 0
    for epoch, loss in enumerate(RECORDED, start=1):
        reductions += rate.epoch_done(epoch, loss) is not None
        if epoch > warm_up:
            theirs.step(loss)
            assert rate.at(epoch * 4) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert reductions >= 5
    assert rate.at(10_000) == 1e-7


def test_the_third_epoch_without_progress_reduces_the_rate_to_three_tenths() -> None:
    rate = LearningRate(SchedulerSection(warmup_epochs=5), 1e-4, steps_per_epoch=1, num_epochs=200)
    answers = [rate.epoch_done(epoch, 1.0) for epoch in range(1, 11)]
    assert answers[:8] == [None] * 8
    assert answers[8] == pytest.approx((1e-4, 3e-5))


def test_a_restored_plateau_goes_on_counting() -> None:
    def make() -> LearningRate:
        return LearningRate(SchedulerSection(warmup_epochs=0), 1e-4, 1, 200)

    whole, first, second = make(), make(), make()
    for epoch, loss in enumerate(RECORDED[:9], start=1):
        whole.epoch_done(epoch, loss)
        first.epoch_done(epoch, loss)
    second.load_state_dict(first.state_dict())
    for epoch, loss in enumerate(RECORDED[9:], start=10):
        assert whole.epoch_done(epoch, loss) == second.epoch_done(epoch, loss)


@pytest.mark.parametrize(
    ("section", "at_half", "at_end"),
    [
        (SchedulerSection(name="cosine", warmup_epochs=2, eta_min=1e-5), (1e-3 + 1e-5) / 2, 1e-5),
        (SchedulerSection(name="linear", warmup_epochs=2, eta_min=1e-5), (1e-3 + 1e-5) / 2, 1e-5),
        (SchedulerSection(name="step", warmup_epochs=2, step_size=4, gamma=0.1), 1e-4, 1e-5),
        (SchedulerSection(name="none", warmup_epochs=2), 1e-3, 1e-3),
    ],
    ids=lambda value: value.name if isinstance(value, SchedulerSection) else None,
)
def test_the_other_schedulers_run_from_the_end_of_the_warm_up_to_the_last_epoch(
    section: SchedulerSection, at_half: float, at_end: float
) -> None:
    rate = LearningRate(section, 1e-3, steps_per_epoch=10, num_epochs=10)
    assert rate.at(20) == pytest.approx(1e-3)
    assert rate.at(60) == pytest.approx(at_half)
    assert rate.at(100) == pytest.approx(at_end)


def test_the_average_decays_with_the_growing_rate_of_the_formula() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = MovingAverage(network, 0.9)
    expected = network.weight.item()
    for step in range(1, 200):
        with torch.no_grad():
            network.weight.fill_(math.sin(step))
        average.update(network, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * math.sin(step)
        assert average.network.weight.item() == pytest.approx(expected, abs=1e-6)


def test_an_average_without_decay_is_the_network_itself() -> None:
    network = nn.Linear(3, 2)
    average = MovingAverage(network, 0.0)
    with torch.no_grad():
        network.weight.add_(1.0)
    average.update(network, 1)
    torch.testing.assert_close(average.network.state_dict(), network.state_dict())


def training_maps(home: Path, config: ExperimentConfig) -> TrainingMaps:
    dataset = open_dataset(config.data, home)
    simulations = (0, 2, 3, 5, 8, 9)
    return TrainingMaps(dataset, fit_transform(dataset, simulations), simulations, config)


def test_an_epoch_shows_every_training_map_once_with_its_own_theta(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    maps = training_maps(tiny_home, tiny_config(training={"use_augmentation": False}))
    for epoch in (0, 1):
        batches = list(maps.epoch(epoch))
        assert [len(x) for x, _ in batches] == [5, 5, 2]
        x, theta = torch.cat([x for x, _ in batches]), torch.cat([theta for _, theta in batches])
        known = maps.transform.forward(maps.dataset.maps[:])
        found = [int(np.flatnonzero((known == one[0].numpy()).all(axis=(1, 2)))[0]) for one in x]
        assert sorted(found) == [0, 1, 4, 5, 6, 7, 10, 11, 16, 17, 18, 19]
        expected = maps.dataset.space.to_unit(maps.dataset.theta[np.array(found) // 2])
        np.testing.assert_allclose(theta.numpy(), expected, rtol=1e-6)


def test_order_and_augmentation_follow_from_seed_and_epoch_alone(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    maps, again = (training_maps(tiny_home, tiny_config()) for _ in range(2))
    first = list(maps.epoch(3))
    resumed = list(again.epoch(3, skip=1))
    for (x, theta), (other_x, other_theta) in zip(first[1:], resumed, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(theta, other_theta)
    assert not torch.equal(first[0][0], next(iter(maps.epoch(4)))[0])


def test_threads_that_read_ahead_change_no_batch(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    alone = list(training_maps(tiny_home, tiny_config()).epoch(0))
    ahead = list(training_maps(tiny_home, tiny_config(data={"num_workers": 2})).epoch(0))
    assert all(
        torch.equal(a, b) for one, other in zip(alone, ahead, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_augmentation_moves_pixels_and_changes_none(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    plain = training_maps(tiny_home, tiny_config(training={"use_augmentation": False}))
    moved = training_maps(tiny_home, tiny_config())
    x, y = (torch.cat([x for x, _ in maps.epoch(0)]) for maps in (plain, moved))
    assert not torch.equal(x, y)
    torch.testing.assert_close(x.flatten(1).sort().values, y.flatten(1).sort().values, rtol=0, atol=0)


def test_the_validation_loss_follows_the_model_and_not_the_dice(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    config = tiny_config()
    dataset = open_dataset(config.data, tiny_home)
    method = make_method(config, {})
    transform = fit_transform(dataset, (0, 1))

    def loss(seed: int, batch_size: int) -> float:
        validation = Validation(dataset, transform, (3, 6, 7), method, seed, batch_size)
        torch.manual_seed(0)
        network = build_network(config.model, periodic=True)
        torch.manual_seed(np.random.default_rng().integers(2**31))
        first = validation.loss(network, torch.device("cpu"))
        # From now on its maps and their noise are kept.
        assert validation.loss(network, torch.device("cpu")) == first
        return first

    assert loss(0, 4) == loss(0, 4)
    # Other batches add the same numbers in another order: single precision, 1e-6.
    assert loss(0, 4) == pytest.approx(loss(0, 6), rel=1e-5)
    assert loss(0, 4) != loss(1, 4)


def test_validation_times_cover_the_schedule_evenly(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    config = tiny_config()
    dataset = open_dataset(config.data, tiny_home)
    method = make_method(config, {})
    validation = Validation(dataset, fit_transform(dataset, (0,)), (1, 2, 3, 4, 5), method, 0, 4)
    assert sorted(validation.times) == [math.floor((i + 0.5) * 50 / 10) for i in range(10)]
    assert list(validation.times) != sorted(validation.times)


def test_a_step_whose_loss_is_not_finite_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        log = StepLog(journal, 10)
        log.add(1, 4, 1e-3, torch.tensor(0.5), torch.tensor(1.0))
        log.add(2, 4, 1e-3, torch.tensor(float("nan")), torch.tensor(1.0))
        with pytest.raises(UserError, match=r"not finite at step 2, epoch 0\.2 .*rate .* maps .*; no checkpoint"):
            log.flush()
    assert (log.loss_sum, log.loss_count) == (2.0, 4)


def test_the_peak_of_memory_sees_what_was_freed_again() -> None:
    with PeakMemory(torch.device("cpu")) as memory:
        block = torch.ones(50_000_000)
        seen = memory.read()
        del block
        assert 200e6 <= seen < 300e6
        assert memory.read() >= seen
