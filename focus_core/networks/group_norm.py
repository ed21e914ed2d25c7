"""The group norm, by torch's kernels on a processor and by our own passes where those would copy every map."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def group_count(channels: int) -> int:
    """Groups of the normalisation: max(1, min(8, C // 8)), reduced until it divides C.

    A group of one channel would erase θ and t: their embedding is a constant per channel, and normalising each
    channel by itself subtracts it.
    """
    groups = max(1, min(8, channels // 8))
    while channels % groups:
        groups -= 1
    return groups


class GroupNorm(nn.GroupNorm):
    """Statistics in 32 bits, the output in the precision of the input: autocast alone would pass 32 bits on to all
    later layers, twice the memory and twice the traffic."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__(group_count(channels), channels, affine=affine)

    def forward(self, x: Tensor, constant: Tensor | None = None) -> Tensor:
        """That of x (B, C, n, n) + constant (C)."""
        if self.makes_own_passes(x):
            normalised: Tensor = _GroupNorm.apply(x, constant, self.weight, self.bias, self.num_groups, self.eps)
            return normalised
        return super().forward(x if constant is None else x + constant[:, None, None]).to(x.dtype)

    @staticmethod
    def makes_own_passes(x: Tensor) -> bool:
        """If channels are contiguous on CUDA, and if a compiler fuses passes over a map."""
        return torch.compiler.is_compiling() or (x.is_cuda and not x.is_contiguous())


class _GroupNorm(torch.autograd.Function):
    """y = n w + b with n = (x + c − μ)/√(σ² + ε); c is a constant, μ and σ² are those of a group of channels of x + c.

    torch's own kernel for CUDA, and what torch compiles in its place, need each channel's pixels to be contiguous: with
    channels last, they copy every map, forwards and back.
    """

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        constant: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        groups: int,
        eps: float,
    ) -> Tensor:
        mean, inverse, of_channel = _moments(x, constant, groups, eps)
        context.save_for_backward(x, weight, mean, inverse, of_channel)
        context.groups, context.constant = groups, constant is not None
        normalised = (_wide(x) - mean) * inverse
        if weight is not None and bias is not None:
            normalised = normalised * weight[:, None, None] + bias[:, None, None]
        return normalised.to(x.dtype)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """With the gradient g of y, that of x is (gw − ⟨gw⟩ − n⟨gwn⟩)/√(σ² + ε); ⟨⟩ is the mean of a group. Its sum
        over pixels, which is the constant's, follows from sums that are there."""
        x, weight, mean, inverse, of_channel = context.saved_tensors
        gradient, pixels = _wide(gradients[0]), x.shape[2] * x.shape[3]
        normalised = (_wide(x) - mean) * inverse
        of_bias, of_weight = gradient.sum((2, 3)), (gradient * normalised).sum((2, 3))
        factor = torch.ones_like(of_bias) if weight is None else weight.expand_as(of_bias)
        one, two = (_over_groups(factor * total / pixels, context.groups) for total in (of_bias, of_weight))
        of_x = ((gradient * factor[:, :, None, None] - one - normalised * two) * inverse).to(x.dtype)
        of_constant = None
        if context.constant:
            summed = factor * of_bias - pixels * (one + of_channel * two)[:, :, 0, 0]
            of_constant = (summed * inverse[:, :, 0, 0]).sum(0)
        if weight is None:
            return of_x, of_constant, None, None, None, None
        return of_x, of_constant, of_weight.sum(0), of_bias.sum(0), None, None


def _moments(x: Tensor, constant: Tensor | None, groups: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """μ − c and 1/√(σ² + ε) of each channel's group, and the mean of n in each channel; all (B, C, 1, 1).

    One pass over x (B, C, n, n), channel by channel and about the channel's first pixel: about zero, ⟨x²⟩ − ⟨x⟩² would
    lose the digits of a small σ.
    """
    about = _wide(x[:, :, :1, :1])
    shifted = _wide(x) - about
    first, second = shifted.mean((2, 3), keepdim=True), shifted.square().mean((2, 3), keepdim=True)
    own = first + about if constant is None else first + about + constant[:, None, None]
    mean = _over_groups(own[:, :, 0, 0], groups)
    variance = _over_groups((second - first.square() + (own - mean).square())[:, :, 0, 0], groups)
    inverse = (variance.clamp(min=0.0) + eps).rsqrt()
    return mean if constant is None else mean - constant[:, None, None], inverse, (own - mean) * inverse


def _over_groups(of_channels: Tensor, groups: int) -> Tensor:
    """(B, C) → (B, C, 1, 1): for each channel the mean of its group."""
    grouped = of_channels.unflatten(1, (groups, -1))
    return grouped.mean(2, keepdim=True).expand_as(grouped).flatten(1)[:, :, None, None]


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
