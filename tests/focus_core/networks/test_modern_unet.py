"""The modern network, and what every registered network promises to every method."""

import inspect
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from focus_core.catalogue.by_path import load
from focus_core.catalogue.networks import NETWORKS
from focus_core.config.experiment import ModelSection, load_config
from focus_core.errors import UserError
from focus_core.networks.building import build_network, parameter_count
from focus_core.networks.modern_unet import AdaptiveBlock, Attention, ModernUNet, attention_heads

RECIPE = Path(__file__).parents[3] / "tasks" / "experiment_03" / "config.yaml"


def small(name: str = "ModernUNet", start: str = "zero", periodic: bool = True) -> nn.Module:
    torch.manual_seed(0)
    model = ModelSection(network=name, base_channels=16, channel_mults=(1, 2), time_dim=32)
    return build_network(model, periodic, start)  # type: ignore[arg-type]


def inputs(n: int = 2, side: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(n, 1, side, side), torch.full((n,), 300.0), torch.rand(n, 6)


def disturbed(network: nn.Module) -> nn.Module:
    """As after some training: no weight is exactly zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network.eval()


def test_the_recipe_has_exactly_the_stated_number_of_parameters() -> None:
    model = load_config(RECIPE).model
    assert model.network == "ModernUNet"
    with torch.device("meta"):
        assert parameter_count(build_network(model, periodic=True)) == 11_347_970


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_registered_network_has_the_one_interface(name: str) -> None:
    assert list(inspect.signature(load(NETWORKS[name].build)).parameters) == ["model", "periodic", "start"]
    x, t, condition = inputs()
    network = disturbed(small(name))
    with torch.no_grad():
        plain = network(x, t, condition)
        assert plain.shape == x.shape
        changed = {
            "t": network(x, t + 400.0, condition),
            "θ": network(x, t, 1.0 - condition),
            "drop": network(x, t, condition, torch.tensor([True, True])),
        }
        for what, other in changed.items():
            assert (other - plain).norm() > 1e-4 * plain.norm(), what
        half = network(x, t, condition, torch.tensor([True, False]))
    torch.testing.assert_close(half[1], plain[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(half[0], changed["drop"][0], rtol=1e-4, atol=1e-5)
    assert torch.equal(network(x, t.long(), condition), plain), "whole times are times too"


@pytest.mark.parametrize("name", list(NETWORKS))
def test_an_untrained_network_starts_where_the_method_wants_it(name: str) -> None:
    x, t, condition = inputs()
    with torch.no_grad():
        assert float(small(name, "zero")(x, t, condition).abs().max()) == 0.0
        passed = small(name, "input")(x, torch.full((2,), 999), condition)
    # The baseline's spare channels start small, not at zero.
    assert float((passed - x).std()) < 0.15


def test_every_block_depends_on_theta_and_t_from_the_first_step() -> None:
    model = load_config(RECIPE).model
    torch.manual_seed(0)
    network = ModernUNet(base_channels=16, channel_mults=model.channel_mults, embedding=32)
    blocks = [module for module in network.modules() if isinstance(module, AdaptiveBlock)]
    assert len(blocks) == 2 * len(model.channel_mults) + 2
    for block in blocks:
        x = torch.randn(1, block.first.in_channels, 8, 8)
        one, other = torch.randn(2, 1, 32)
        with torch.no_grad():
            change = (block(x, other) - block(x, one)).norm() / block(x, one).norm()
        # A norm after the embedding with one channel a group would erase it (1e-6).
        assert float(change) > 0.02


def test_magnitudes_are_kept_at_the_start() -> None:
    """Inputs of unit variance come out of every block and attention with nearly unit variance."""
    torch.manual_seed(0)
    network = ModernUNet(base_channels=64, channel_mults=(1, 2, 2), embedding=128)
    seen: list[float] = []
    for module in network.modules():
        if isinstance(module, (AdaptiveBlock, Attention)):
            module.register_forward_hook(lambda module, inputs, output: seen.append(float(output.var())))
    with torch.no_grad():
        network(torch.randn(4, 1, 32, 32), torch.arange(4) * 200.0, torch.rand(4, 6))
    assert len(seen) == 2 * 3 + 2 + 3
    assert all(0.3 < variance < 2.0 for variance in seen), seen


def test_a_shifted_map_moves_the_output_in_a_periodic_box_alone() -> None:
    x, t, condition = (value.double() for value in inputs())
    network = disturbed(small().double())
    with torch.no_grad():
        # Shifts by whole pixels of the coarsest stage, 2 here, are exact: attention knows no positions.
        there = network(x.roll((4, 6), (2, 3)), t, condition)
        torch.testing.assert_close(there, network(x, t, condition).roll((4, 6), (2, 3)))
        opened = disturbed(small(periodic=False).double())
        assert (opened(x.roll(8, 2), t, condition) - opened(x, t, condition).roll(8, 2)).abs().max() > 1e-4


def test_attention_is_a_softmax_over_all_pixels() -> None:
    torch.manual_seed(0)
    attention, x = Attention(64).double(), torch.randn(1, 64, 4, 4).double()
    with torch.no_grad():
        mixed = attention.queries_keys_values(attention.norm(x))[0].reshape(3, attention.heads, 32, 16)
        q, k, v = mixed
        weights = torch.softmax(torch.einsum("hci,hcj->hij", q, k) / math.sqrt(32), dim=-1)
        gathered = torch.einsum("hij,hcj->hci", weights, v).reshape(1, 64, 4, 4)
        expected = (x + attention.outward(gathered)) / math.sqrt(2.0)
        torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize(("channels", "heads"), [(16, 1), (32, 1), (64, 2), (96, 3), (256, 8), (40, 1), (72, 2)])
def test_heads_divide_the_channels(channels: int, heads: int) -> None:
    assert attention_heads(channels) == heads


def test_a_map_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(UserError, match="multiple of 4, but the maps have 18 pixels"):
        small()(torch.zeros(1, 1, 18, 18), torch.zeros(1), torch.zeros(1, 6))
