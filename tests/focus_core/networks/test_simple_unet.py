"""The baseline network: its size, its symmetries, and that nothing in it erases θ or t."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from focus_core.config.experiment import ModelSection, load_config
from focus_core.errors import UserError
from focus_core.networks.building import build_network, parameter_count
from focus_core.networks.group_norm import group_count
from focus_core.networks.layers import Doubling, SinusoidalEmbedding, wrap
from focus_core.networks.simple_unet import ResidualBlock, SimpleUNet

RECIPES = [
    path
    for path in sorted(Path(__file__).parents[3].glob("tasks/*/config.yaml"))
    if load_config(path).model.network in ("SimpleUNet", "FlowUNet")
]


@pytest.mark.parametrize(("base_channels", "expected"), [(64, 37_341_569), (128, 146_229_505)])
def test_the_network_has_exactly_the_published_number_of_parameters(base_channels: int, expected: int) -> None:
    with torch.device("meta"):
        network = build_network(ModelSection(base_channels=base_channels), periodic=True)
    assert parameter_count(network) == expected


def test_padding_does_not_change_the_number_of_parameters() -> None:
    with torch.device("meta"):
        sizes = {parameter_count(build_network(ModelSection(base_channels=64), periodic)) for periodic in (True, False)}
    assert sizes == {37_341_569}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_wrapping_agrees_with_circular_padding_and_its_gradient_with_finite_differences(size: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, size, size, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(wrap(x), functional.pad(x, (1, 1, 1, 1), mode="circular"), rtol=0, atol=0)
    assert torch.autograd.gradcheck(wrap, x)


def test_a_periodic_network_moves_its_output_with_a_shifted_map() -> None:
    torch.manual_seed(0)
    network = SimpleUNet(base_channels=8, channel_mults=(1, 2), embedding=16, periodic=True).double()
    x, t, theta = torch.randn(1, 1, 16, 16).double(), torch.tensor([300]), torch.rand(1, 6).double()
    # Shifts by whole cells of the coarsest stage, 2² pixels, are exact.
    shift = {"shifts": (4, 8), "dims": (2, 3)}
    torch.testing.assert_close(network(x.roll(**shift), t, theta), network(x, t, theta).roll(**shift))


def test_a_network_for_open_maps_does_not_wrap() -> None:
    torch.manual_seed(0)
    network = SimpleUNet(base_channels=8, channel_mults=(1, 2), embedding=16, periodic=False).double()
    x, t, theta = torch.randn(1, 1, 16, 16).double(), torch.tensor([300]), torch.rand(1, 6).double()
    moved, there = network(x.roll(8, 2), t, theta), network(x, t, theta).roll(8, 2)
    assert (moved - there).abs().max() > 1e-3


def test_the_cropped_transposed_convolution_equals_the_plain_one_away_from_the_border() -> None:
    torch.manual_seed(0)
    periodic, plain = Doubling(4, periodic=True), Doubling(4, periodic=False)
    plain.load_state_dict(periodic.state_dict())
    x = torch.randn(1, 4, 6, 6)
    assert periodic(x).shape == plain(x).shape == (1, 4, 12, 12)
    torch.testing.assert_close(periodic(x)[..., 1:-1, 1:-1], plain(x)[..., 1:-1, 1:-1])


@pytest.mark.parametrize(("channels", "groups"), [(8, 1), (16, 2), (64, 8), (512, 8), (24, 3), (60, 6), (1, 1), (7, 1)])
def test_groups_follow_the_rule_and_divide_the_channels(channels: int, groups: int) -> None:
    assert group_count(channels) == groups


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_every_block_of_every_recipe_depends_on_theta_and_on_t(recipe: Path) -> None:
    model = load_config(recipe).model
    widths = [model.base_channels * mult for mult in model.channel_mults]
    inputs = [model.base_channels, *widths[:-1]]
    pairs = [*zip(inputs, widths, strict=True), (widths[-1], widths[-1])]
    width = widths[-1]
    for stage in reversed(widths):
        pairs.append((width + stage, stage))
        width = stage
    for channels_in, channels_out in dict.fromkeys(pairs):
        torch.manual_seed(1)
        block = ResidualBlock(channels_in, channels_out, model.time_dim, periodic=True)
        x = torch.randn(1, channels_in, 8, 8)
        one, other = torch.randn(2, 1, model.time_dim)
        with torch.no_grad():
            plain = block(x, one, one)
            changes = [(block(x, *pair) - plain).norm() / plain.norm() for pair in ((one, other), (other, one))]
        # One channel a group gives 1e-6 here, groups of eight give 0.1 and more.
        assert min(changes) > 0.02, (channels_in, channels_out)


def test_the_null_condition_differs_from_every_corner_of_the_prior() -> None:
    torch.manual_seed(0)
    network = SimpleUNet(base_channels=16, channel_mults=(1,), condition_size=2, embedding=16)
    corners = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])
    x, t = torch.randn(1, 1, 8, 8).expand(5, -1, -1, -1), torch.full((5,), 10)
    with torch.no_grad():
        given = network(x, t, corners)
        dropped = network(x, t, corners, torch.ones(5, dtype=torch.bool))
    torch.testing.assert_close(dropped, dropped[:1].expand_as(dropped))
    assert ((given - dropped).flatten(1).norm(dim=1) > 1e-4).all()


def test_only_the_dropped_maps_of_a_batch_lose_their_condition() -> None:
    torch.manual_seed(0)
    network = SimpleUNet(base_channels=16, channel_mults=(1,), embedding=16)
    x, t, theta = torch.randn(2, 1, 8, 8), torch.tensor([5, 5]), torch.rand(2, 6)
    with torch.no_grad():
        mixed = network(x, t, theta, torch.tensor([True, False]))
        torch.testing.assert_close(mixed[1:], network(x[1:], t[1:], theta[1:]))
        torch.testing.assert_close(mixed[:1], network(x[:1], t[:1], -theta[:1], torch.tensor([True])))


def test_the_time_embedding_tells_neighbouring_times_apart() -> None:
    embedded = SinusoidalEmbedding(256)(torch.arange(1000))
    assert embedded.shape == (1000, 256)
    assert (embedded[1:] - embedded[:-1]).norm(dim=1).min() > 0.1


def test_a_map_that_cannot_be_halved_often_enough_is_refused_with_its_side() -> None:
    network = SimpleUNet(base_channels=8, channel_mults=(1, 1, 1), embedding=8)
    with pytest.raises(UserError, match=r"multiple of 8, but the maps have 20 pixels"):
        network(torch.zeros(1, 1, 20, 20), torch.tensor([0]), torch.zeros(1, 6))


@pytest.mark.parametrize("width", [16, 64])
def test_an_untrained_network_already_passes_the_noise_on_at_late_times(width: int) -> None:
    """There x is nearly ε. 5 %: the other channels' small starting weights; a network that starts at random is off by
    more than 100 %."""
    torch.manual_seed(0)
    network = SimpleUNet(base_channels=width)
    eps = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        predicted = network(eps, torch.tensor([999, 900]), torch.rand(2, 6))
    assert float((predicted - eps).std()) < 0.05
