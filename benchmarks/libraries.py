"""Two libraries' own examples of generative training, conditioned on θ, at the quickstart's size: for equal_minutes.py.

Both have the network of diffusers' training example for unconditional images, UNet2DModel with six levels of two layers
and attention at the fifth, narrowed to 1.2 million parameters; flow_matching installs no network of its own. What is
learned, how it is averaged and how maps are drawn is each library's. Rate, batches and augmentation are the
quickstart's, since the examples' own rate of 1e-4 would have learned little in ten minutes, and they have fewer
symmetries than these maps.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from loops import UNetOfTheta
from torch import Tensor, nn

from focus_core.config.training import TrainingSection
from focus_core.errors import UserError
from focus_core.training.batches import Batch, TrainingMaps
from focus_core.training.ema import MovingAverage

# The example's ratios of 1:1:2:2:4:4, but 3 instead of 4 for the size, and its four channels per group.
_WIDTHS, _GROUPS = (16, 16, 32, 32, 48, 48), 4
# UNet2DModel embeds times of 0 to 1000; those of flow matching are 0 to 1.
_TIMES = 1000.0


@dataclass(frozen=True)
class Learned:
    """The result of a training run: its length, and the mean loss of its last epoch."""

    seconds: float
    steps: int
    loss: float


class Example(ABC):
    """A network and its library's methods. x are transformed maps (B, 1, N, N), θ is scaled to [−1, 1] (B, d).

    `samplings` are the samplers in its own example and documentation, with their network evaluations.
    """

    samplings: ClassVar[Mapping[str, int]]
    gradient_clip: ClassVar[float] = math.inf

    def __init__(self, condition_size: int) -> None:
        try:
            from diffusers import UNet2DModel
        except ImportError as error:
            raise UserError(f"this case needs the packages of `make install-bench` ({error}).") from error
        self.network: nn.Module = UNetOfTheta(UNet2DModel, _WIDTHS, condition_size, _GROUPS)

    @abstractmethod
    def optimizer(self, rate: float) -> torch.optim.Optimizer: ...

    @abstractmethod
    def loss(self, x: Tensor, theta: Tensor) -> Tensor: ...

    @abstractmethod
    def follow(self, step: int) -> None:
        """Include step number `step` (from 1) in the averaged weights."""

    @abstractmethod
    def take_average(self) -> None:
        """Copy the averaged weights into the network."""

    @abstractmethod
    def draw(self, sampling: str, noise: Tensor, theta: Tensor, reach: float, generator: torch.Generator) -> Tensor:
        """x for each θ from its noise; |x| of training maps stays below `reach`."""


class DiffusersExample(Example):
    """examples/unconditional_image_generation of diffusers: DDPM's ε, AdamW and EMAModel with the script's defaults."""

    # The defaults of DDPMPipeline, which the script uses for sampling, and of DDIMPipeline.
    samplings: ClassVar = {"DDPM, 1000 steps": 1000, "DDIM, 50 steps": 50}
    gradient_clip: ClassVar = 1.0

    def __init__(self, condition_size: int) -> None:
        super().__init__(condition_size)
        from diffusers import DDPMScheduler
        from diffusers.training_utils import EMAModel

        self.scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
        self._average = EMAModel(
            self.network.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=3 / 4
        )

    def optimizer(self, rate: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.network.parameters(), rate, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8)

    def loss(self, x: Tensor, theta: Tensor) -> Tensor:
        noise = torch.randn_like(x)
        t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(x),))
        return nn.functional.mse_loss(self.network(self.scheduler.add_noise(x, noise, t), t, theta), noise)

    def follow(self, step: int) -> None:
        self._average.step(self.network.parameters())

    def take_average(self) -> None:
        self._average.copy_to(self.network.parameters())

    def draw(self, sampling: str, noise: Tensor, theta: Tensor, reach: float, generator: torch.Generator) -> Tensor:
        from diffusers import DDIMScheduler, DDPMScheduler

        kind = DDPMScheduler if sampling.startswith("DDPM") else DDIMScheduler
        # It clips x̂₀ to the images' range, which is [−1, 1] there and `reach` here.
        scheduler = kind.from_config(self.scheduler.config, clip_sample_range=reach)
        scheduler.set_timesteps(self.samplings[sampling])
        x = noise
        for t in scheduler.timesteps:
            x = scheduler.step(self.network(x, t, theta), t, x, generator=generator).prev_sample
        return x


class FlowMatchingExample(Example):
    """examples/2d_flow_matching of flow_matching: the path of optimal transport, Adam, uniform times, midpoint rule.

    Averaged weights are not part of that example; they are kept as in the quickstart, to spare this case the
    noise of the last steps.
    """

    samplings: ClassVar = {"midpoint, 9 steps": 18, "midpoint, 50 steps": 100}  # 9 as in the example

    def __init__(self, condition_size: int, decay: float = 0.995) -> None:
        super().__init__(condition_size)
        try:
            from flow_matching.path import AffineProbPath
            from flow_matching.path.scheduler import CondOTScheduler
        except ImportError as error:
            raise UserError(f"this case needs the packages of `make install-bench` ({error}).") from error
        self._path = AffineProbPath(scheduler=CondOTScheduler())
        self._average = MovingAverage(self.network, decay)

    def optimizer(self, rate: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.network.parameters(), rate)

    def loss(self, x: Tensor, theta: Tensor) -> Tensor:
        way = self._path.sample(x_0=torch.randn_like(x), x_1=x, t=torch.rand(len(x)))
        return (self.network(way.x_t, _TIMES * way.t, theta) - way.dx_t).square().mean()

    def follow(self, step: int) -> None:
        self._average.update(self.network, step)

    def take_average(self) -> None:
        self.network.load_state_dict(self._average.network.state_dict())

    def draw(self, sampling: str, noise: Tensor, theta: Tensor, reach: float, generator: torch.Generator) -> Tensor:
        from flow_matching.solver import ODESolver

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            predicted: Tensor = self.network(x, _TIMES * t, theta)
            return predicted

        grid = torch.linspace(0.0, 1.0, self.samplings[sampling] // 2 + 1)
        drawn: Tensor = ODESolver(velocity).sample(noise, step_size=None, method="midpoint", time_grid=grid)
        return drawn


EXAMPLES: Mapping[str, type[Example]] = {"diffusers": DiffusersExample, "flow_matching": FlowMatchingExample}


def learn_for(example: Example, maps: TrainingMaps, training: TrainingSection, seconds: float) -> Learned:
    """Train for this long by the clock and leave the averaged weights in the network."""
    torch.manual_seed(training.seed)
    optimizer, network = example.optimizer(training.lr), example.network.train()
    losses: list[float] = []
    began = time.monotonic()
    for x, theta in _endless(maps):
        share = (time.monotonic() - began) / seconds
        if losses and share >= 1.0:
            break
        for group in optimizer.param_groups:
            group["lr"] = _rate(training, len(losses), maps.steps_per_epoch, min(share, 1.0))
        loss = example.loss(x, theta)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), example.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        example.follow(len(losses))
    taken = time.monotonic() - began
    last = losses[-maps.steps_per_epoch :]
    example.take_average()
    network.eval().requires_grad_(False)
    return Learned(taken, len(losses), sum(last) / len(last))


def _rate(training: TrainingSection, step: int, steps_per_epoch: int, share: float) -> float:
    """The quickstart's rate: a warm-up by step, then a cosine that ends with the time, of which `share` has passed."""
    warm_up = training.scheduler.warmup_epochs * steps_per_epoch
    low = training.scheduler.eta_min
    rate = low + (training.lr - low) * (1.0 + math.cos(math.pi * share)) / 2.0
    return rate * min(1.0, (step + 1) / warm_up) if warm_up else rate


def _endless(maps: TrainingMaps) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from maps.epoch(epoch)
        epoch += 1
