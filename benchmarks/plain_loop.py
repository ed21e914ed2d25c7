"""The loop that FOCUS's own is measured against: the baseline network trained as most tutorials train theirs.

    python benchmarks/plain_loop.py [--grid 64] [--channels 64] [--batch-size 4] [--steps 20]

32-bit numbers, torch's default layout, a DataLoader that hands over one batch from the host at every step, AdamW
without options, a moving average one parameter at a time, and `.item()` after every step to show the loss; nothing is
compiled. Written before the loop of `focus_core.training` was tuned for layout, precision and compilation, and not
touched afterwards: it is the fixed end of a ratio.

`PlainUNet` holds the layers of `focus_core.networks.simple_unet` with torch's own circular padding. Its weights have
the same names, so either network can be given to `train`: the loops are compared with and without their networks.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

TIMESTEPS = 1000


class MapsDataset(Dataset[tuple[Tensor, Tensor]]):
    """One normalised map (1, N, N) and its θ in [−1, 1] at a time, with a random symmetry and a random shift."""

    def __init__(self, maps: NDArray[np.float32], theta: NDArray[np.float32]) -> None:
        self.maps, self.theta = maps, theta

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.array(self.maps[index]))[None]
        if torch.rand(1).item() < 0.5:
            x = torch.rot90(x, int(torch.randint(1, 4, (1,)).item()), (1, 2))
        for axis in (1, 2):
            if torch.rand(1).item() < 0.5:
                x = torch.flip(x, (axis,))
        shift = torch.randint(0, x.shape[-1], (2,)).tolist()
        return torch.roll(x, shift, (1, 2)), torch.from_numpy(self.theta[index])


def train(
    network: nn.Module,
    maps: NDArray[np.float32],
    theta: NDArray[np.float32],
    batch_size: int,
    device: torch.device,
    lr: float = 1e-4,
    num_workers: int = 0,
) -> Iterator[float]:
    """Train for ever; every `next` is one step and gives its loss. ε-prediction on the linear schedule."""
    network = network.to(device)
    ema = copy.deepcopy(network)
    for parameter in ema.parameters():
        parameter.requires_grad = False
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-4)
    alpha_bar = torch.cumprod(1.0 - torch.linspace(1e-4, 0.02, TIMESTEPS), dim=0).to(device)
    loader = DataLoader(
        MapsDataset(maps, theta), batch_size=batch_size, shuffle=True, drop_last=True, num_workers=num_workers
    )
    for _epoch in itertools.count():
        network.train()
        for x0, condition in loader:
            x0, condition = x0.to(device), condition.to(device)
            t = torch.randint(0, TIMESTEPS, (x0.shape[0],), device=device)
            noise = torch.randn_like(x0)
            a = alpha_bar[t].view(-1, 1, 1, 1)
            noisy = torch.sqrt(a) * x0 + torch.sqrt(1.0 - a) * noise
            drop = torch.rand(x0.shape[0], device=device) < 0.1
            optimizer.zero_grad()
            loss = F.mse_loss(network(noisy, t, condition, drop), noise)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                for averaged, parameter in zip(ema.parameters(), network.parameters(), strict=True):
                    averaged.mul_(0.999).add_(parameter, alpha=0.001)
            yield loss.item()


class PlainBlock(nn.Module):
    """Two convolutions with norms, the embeddings of t and θ between them, plus the input."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int) -> None:
        super().__init__()
        self.first = _convolution(channels_in, channels_out)
        self.first_norm = _norm(channels_out)
        self.from_time = nn.Linear(embedding, channels_out)
        self.from_condition = nn.Linear(embedding, channels_out)
        self.second = _convolution(channels_out, channels_out)
        self.second_norm = _norm(channels_out)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        h = F.silu(self.first_norm(self.first(x)))
        h = h + self.from_time(time)[:, :, None, None] + self.from_condition(condition)[:, :, None, None]
        h = F.silu(self.second_norm(self.second(h)))
        return h + self.shortcut(x)


class PlainUNet(nn.Module):
    """The baseline network on periodic maps of one channel, from torch's own parts."""

    def __init__(
        self,
        condition_size: int = 6,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 4, 8),
        embedding: int = 256,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        # The first entry is the other network's sinusoidal embedding, which has no weights.
        self.time = nn.Sequential(nn.Identity(), *_mlp(embedding, embedding))
        self.condition = nn.Sequential(*_mlp(condition_size, embedding))
        self.inward = _convolution(1, base_channels)
        widths = [base_channels * mult for mult in channel_mults]
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        width = base_channels
        for stage in widths:
            self.down.append(PlainBlock(width, stage, embedding))
            self.shrink.append(nn.Conv2d(stage, stage, 4, stride=2, padding=1, padding_mode="circular"))
            width = stage
        self.middle = PlainBlock(width, width, embedding)
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for stage in reversed(widths):
            self.enlarge.append(nn.ConvTranspose2d(width, width, 4, stride=2, padding=3))
            self.up.append(PlainBlock(width + stage, stage, embedding))
            width = stage
        self.last_convolution = _convolution(width, base_channels)
        self.to_noise = nn.Conv2d(base_channels, 1, 1)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        """x (B, 1, N, N), t (B,), condition (B, d); where drop (B,) is true the embedding of θ is zero."""
        half = self.embedding // 2
        frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=x.device) / (half - 1))
        angles = t.float()[:, None] * frequencies[None]
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        embedded = self.condition(condition)
        if drop is not None:
            embedded = torch.where(drop[:, None], torch.zeros_like(embedded), embedded)
        x = self.inward(x)
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x, time, embedded)
            skips.append(x)
            x = shrink(x)
        x = self.middle(x, time, embedded)
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            # A transposed convolution pads with zeros only: wrap by hand, and crop the ring (padding 3 is 1 + 2).
            x = enlarge(F.pad(x, (1, 1, 1, 1), mode="circular"))
            x = block(torch.cat([x, skips.pop()], dim=1), time, embedded)
        return self.to_noise(F.silu(self.last_convolution(x)))


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, padding_mode="circular")


def _norm(channels: int) -> nn.GroupNorm:
    groups = max(1, min(8, channels // 8))
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def _mlp(width_in: int, width: int) -> list[nn.Module]:
    return [nn.Linear(width_in, width), nn.SiLU(), nn.Linear(width, width)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    n = 8 * arguments.batch_size
    maps = rng.standard_normal((n, arguments.grid, arguments.grid), dtype=np.float32)
    theta = rng.uniform(-1, 1, (n, 6)).astype(np.float32)
    network = PlainUNet(base_channels=arguments.channels)
    steps = train(network, maps, theta, arguments.batch_size, torch.device(arguments.device))
    times = []
    for step in range(arguments.steps + 2):
        began = time.perf_counter()
        loss = next(steps)
        times.append(time.perf_counter() - began)
        print(f"step {step}: loss {loss:.4f}, {times[-1]:.3f} s")
    print(f"median {statistics.median(times[2:]):.4f} s a step")


if __name__ == "__main__":
    main()
