"""The passes that a GPU runs in the place of torch's kernels, compared with those in 64 bits on a processor."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from focus_core.networks.group_norm import GroupNorm
from focus_core.networks.layers import Convolution, join, keep_layout, laid_out, normalised
from focus_core.networks.modern_unet import ModernUNet
from focus_core.networks.simple_unet import SimpleUNet


@pytest.fixture
def own_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA."""
    monkeypatch.setattr(GroupNorm, "makes_own_passes", lambda *_: True)


def with_gradients(answer: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """The answer, and the gradients of a weighted sum of it."""
    weights = torch.randn(answer.shape, dtype=answer.dtype, generator=torch.Generator().manual_seed(1))
    return [answer, *torch.autograd.grad((weights * answer).sum(), inputs)]


def maps(*shape: int) -> Tensor:
    """Channels side by side, each about another mean."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(shape, dtype=torch.float64, generator=generator)
    x = 3 * x + 7 * torch.randn(shape[1], 1, 1, dtype=torch.float64, generator=generator)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize(("affine", "constant"), list(itertools.product((True, False), repeat=2)))
def test_the_own_group_norm_is_torchs_with_its_gradients(own_passes: None, affine: bool, constant: bool) -> None:
    norm, x = GroupNorm(16, affine).double(), maps(2, 16, 5, 4)
    inputs = [x, *norm.parameters()]
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    added = torch.randn(16, dtype=torch.float64, requires_grad=True) if constant else None
    shifted = x
    if added is not None:
        inputs.append(added)
        shifted = x + added[:, None, None]
    expected = functional.group_norm(shifted, norm.num_groups, norm.weight, norm.bias, norm.eps)
    for own, of_torch in zip(with_gradients(norm(x, added), inputs), with_gradients(expected, inputs), strict=True):
        torch.testing.assert_close(own, of_torch, rtol=1e-10, atol=1e-12)
    assert norm(x, added).is_contiguous(memory_format=torch.channels_last)


def test_the_own_group_norm_keeps_the_digits_of_small_fluctuations(own_passes: None) -> None:
    """σ of a ten thousandth of the mean: in 32 bits the difference of ⟨x²⟩ and ⟨x⟩² has no digit of it left."""
    x = (100.0 + 0.01 * maps(2, 16, 32, 32).detach()).float()
    expected = functional.group_norm(x.double(), 2, eps=1e-12)
    norm = GroupNorm(16, affine=False)
    norm.eps = 1e-12
    # The mean itself is rounded, to 4e-6 of 100; σ is 0.08.
    torch.testing.assert_close(norm(x).double(), expected, rtol=1e-4, atol=3e-4)


@pytest.mark.parametrize("periodic", [True, False])
def test_a_norm_that_adds_the_bias_of_its_convolution_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, periodic: bool
) -> None:
    torch.manual_seed(0)
    convolution, norm = Convolution(3, 16, periodic).double(), GroupNorm(16).double()
    inputs = [x := maps(2, 3, 6, 6), *convolution.parameters(), *norm.parameters()]
    plain = with_gradients(normalised(convolution, norm, x), inputs)
    monkeypatch.setattr(GroupNorm, "makes_own_passes", lambda *_: True)
    for own, of_torch in zip(with_gradients(normalised(convolution, norm, x), inputs), plain, strict=True):
        torch.testing.assert_close(own, of_torch, rtol=1e-9, atol=1e-11)


def test_joined_channels_hand_back_gradients_without_gaps() -> None:
    one, other = maps(2, 3, 4, 4), maps(2, 5, 4, 4)
    assert torch.autograd.gradcheck(join, (one, other))
    assert torch.equal(join(one, other), torch.cat([one, other], dim=1))
    for gradient in with_gradients(join(one, other), [one, other])[1:]:
        assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_a_kept_layout_holds_for_the_gradient() -> None:
    x = maps(2, 3, 4, 4)
    (gradient,) = torch.autograd.grad(keep_layout(x).contiguous().view(2, 3, 16).sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(keep_layout, (x,))


@pytest.mark.parametrize("network", [SimpleUNet, ModernUNet])
def test_every_compiled_convolution_reads_channels_side_by_side(network: Callable[..., nn.Module]) -> None:
    """Forth and back, in the graphs that a compiler is given: what lies otherwise is copied, map by map (two fifths of
    a step of the 146 M network at 256² on an H200)."""
    # The compiler takes as long to import as torch: here, and not in every process that collects the tests.
    from torch._dynamo.backends.common import aot_autograd
    from torch._functorch.aot_autograd import make_boxed_func

    seen: list[tuple[str, bool]] = []

    def look(graph: torch.fx.GraphModule, inputs: object) -> Callable[..., Any]:
        for node in graph.graph.nodes:
            if node.op == "call_function" and "convolution" in str(node.target):
                for read in (argument.meta["val"] for argument in node.args[:3] if hasattr(argument, "meta")):
                    if read.ndim == 4:
                        seen.append(
                            (f"{node} reads {read.shape}", read.is_contiguous(memory_format=torch.channels_last))
                        )
        return make_boxed_func(graph.forward)

    torch.manual_seed(0)
    built = laid_out(network(base_channels=16, channel_mults=(1, 2), embedding=16))
    backend = aot_autograd(fw_compiler=look, bw_compiler=look)
    compiled = torch.compile(built, backend=backend, dynamic=False)
    with torch.autocast("cpu", torch.bfloat16):
        answer = compiled(
            torch.randn(2, 1, 16, 16), torch.tensor([3, 4]), torch.rand(2, 6), torch.tensor([True, False])
        )
    answer.sum().backward()
    assert len(seen) > 60
    assert [read for read, side_by_side in seen if not side_by_side] == []
