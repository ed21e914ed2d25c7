"""How a step is computed changes its speed and its memory, and nothing that is learned."""

import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from focus_core.config.experiment import ExperimentConfig, parse_config, to_yaml
from focus_core.diffusion.methods import make_method
from focus_core.errors import UserError
from focus_core.networks.building import build_network
from focus_core.networks.group_norm import GroupNorm
from focus_core.networks.layers import recompute_blocks, wrap
from focus_core.training import precision
from focus_core.training.device import prepare
from focus_core.training.engine import Engine, compiler_options
from focus_core.training.precision import choose_precision

ConfigMaker = Callable[..., ExperimentConfig]
CPU = torch.device("cpu")


@pytest.fixture
def inductor() -> Any:
    """The compiler's settings, which take as long to import as torch: not in every process that collects tests."""
    return import_module("torch._inductor.config")


def make_engine(config: ExperimentConfig, saved: dict[str, Any] | None = None) -> Engine:
    torch.manual_seed(0)
    method = make_method(config, {"prior": {"kind": "white", "sigma_data": 1.0}} if config.method == "edm" else {})
    return Engine(config, build_network(config.model, True, method.start), method, CPU, saved)


def take_step(engine: Engine, number: int = 1) -> tuple[float, dict[str, Tensor]]:
    """Loss and clipped gradients of a step on seven maps; noise and maps follow from `number`."""
    torch.manual_seed(number)
    done = engine.step(torch.randn(7, 1, 16, 16), torch.rand(7, 6), 1e-3, number)
    return done.loss.item(), {name: weight.grad.clone() for name, weight in engine.network.named_parameters()}


@pytest.fixture(params=["SimpleUNet", "ModernUNet"])
def model(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    return {"from": request.param, "base_channels": 16, "channel_mults": [1, 2], "time_dim": 16}


@pytest.mark.parametrize("parts", [2, 3, 100])
def test_a_batch_in_parts_has_the_loss_and_gradients_of_the_whole(tiny_config: ConfigMaker, parts: int) -> None:
    loss, gradients = take_step(make_engine(tiny_config()))
    in_parts, of_parts = take_step(make_engine(tiny_config(training={"accumulation": parts})))
    assert in_parts == pytest.approx(loss, rel=1e-6)
    # The same sums in another order; the gradient's norm is one.
    torch.testing.assert_close(of_parts, gradients, rtol=1e-4, atol=1e-6)


def test_blocks_that_are_computed_again_give_the_same_gradients(tiny_config: ConfigMaker, model: dict) -> None:
    loss, gradients = take_step(make_engine(tiny_config(model=model)))
    engine = make_engine(tiny_config(model=model, training={"activation_checkpointing": True}))
    counted = [0]
    block = engine.network.down[0]
    compute = block.compute
    block.compute = lambda *inputs: (counted.__setitem__(0, counted[0] + 1), compute(*inputs))[1]  # type: ignore[method-assign]
    again, of_again = take_step(engine)
    assert counted == [2]
    assert again == loss
    torch.testing.assert_close(of_again, gradients, rtol=0, atol=0)


def test_a_network_without_blocks_cannot_be_computed_again() -> None:
    with pytest.raises(UserError, match=r"activation_checkpointing: Other has no blocks"):
        recompute_blocks(nn.Linear(2, 2), "Other")


def test_wrapping_keeps_the_layout_and_its_numbers() -> None:
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    laid = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    wrapped = wrap(laid)
    assert wrapped.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(wrapped, nn.functional.pad(x, (1, 1, 1, 1), mode="circular"))
    (wrap(x) * weights).sum().backward()
    (wrapped * weights).sum().backward()
    torch.testing.assert_close(laid.grad, x.grad)
    assert torch.autograd.gradcheck(wrap, (laid,))


def test_moments_that_were_saved_in_another_layout_go_to_their_weights(tiny_config: ConfigMaker) -> None:
    """Checkpoints of the first version hold every tensor in torch's own order."""
    engine, again = make_engine(tiny_config()), make_engine(tiny_config())
    take_step(engine)
    state = engine.state()
    state["optimizer"] = {
        "param_groups": state["optimizer"]["param_groups"],
        "state": {
            number: {name: moment.clone(memory_format=torch.contiguous_format) for name, moment in moments.items()}
            for number, moments in state["optimizer"]["state"].items()
        },
    }
    state["model"] = {
        name: weight.clone(memory_format=torch.contiguous_format) for name, weight in state["model"].items()
    }
    del state["engine"]
    again.load_state(state, Path("checkpoint"))
    assert again.network.state_dict()["down.0.first.weight"].is_contiguous(memory_format=torch.channels_last)
    take_step(engine, 2)
    take_step(again, 2)
    torch.testing.assert_close(again.state()["model"], engine.state()["model"], rtol=0, atol=0)


def test_a_saved_engine_takes_the_next_step_bit_for_bit(tiny_config: ConfigMaker, tmp_path: Path, model: dict) -> None:
    how = {"precision": "bf16", "accumulation": 3, "activation_checkpointing": True}
    config = tiny_config(model=model, training=how)
    engine = make_engine(config)
    take_step(engine)
    torch.save(engine.state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again = make_engine(tiny_config(model=model, training=how | {"precision": "auto"}), state)
    again.load_state(state, tmp_path / "state.pt")
    assert take_step(again, 2)[0] == take_step(engine, 2)[0]
    for part in ("model", "ema"):
        torch.testing.assert_close(again.state()[part], engine.state()[part], rtol=0, atol=0)


def test_bf16_rounds_the_step_and_not_the_weights(tiny_config: ConfigMaker, model: dict) -> None:
    loss, _ = take_step(make_engine(tiny_config(model=model)))
    engine = make_engine(tiny_config(model=model, training={"precision": "bf16"}))
    seen: list[torch.dtype] = []
    middle = engine.network.middle
    inner = middle[0] if isinstance(middle, nn.ModuleList) else middle
    inner.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    rounded, _ = take_step(engine)
    assert seen == [torch.bfloat16]
    assert rounded != loss
    # Eight bits of mantissa: 2⁻⁸ a number, and a mean over thousands of them.
    assert rounded == pytest.approx(loss, rel=0.02)
    everything = [*engine.state()["model"].values(), *engine.state()["ema"].values()]
    everything += [m for moments in engine.optimizer.state.values() for m in moments.values()]
    assert {tensor.dtype for tensor in everything} == {torch.float32}


def test_auto_keeps_what_a_run_began_with_and_tells_its_reason(tiny_config: ConfigMaker) -> None:
    config = tiny_config()
    assert choose_precision(config, CPU).number == "fp32"
    assert "bf16" in choose_precision(config, CPU).reason
    assert choose_precision(config, CPU, {"precision": "bf16", "device": "cpu"}).number == "bf16"
    assert choose_precision(config, CPU, {"precision": "bf16", "device": "cuda"}).number == "fp32"
    with pytest.raises(UserError, match=r"training\.precision: bf16 is for CUDA"):
        choose_precision(tiny_config(training={"precision": "bf16"}), torch.device("mps"))


@pytest.mark.parametrize(
    ("has", "channels", "gain", "reason"),
    [
        (False, 64, 2.0, "the processor has no bf16"),
        (True, 16, 2.0, "below 64 channels bf16 gains little"),
        (True, 64, 1.1, "bf16 were 1.1 times as fast on this one"),
        (True, 64, 2.0, "2.0 times as fast on this one: training.precision: bf16 uses them"),
    ],
)
def test_a_processor_computes_in_32_bits_and_says_what_bf16_would_gain(
    tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch, has: bool, channels: int, gain: float, reason: str
) -> None:
    monkeypatch.setattr(precision, "_processor_has_bf16", lambda: has)
    monkeypatch.setattr(precision, "gain_from_bf16", lambda: gain)
    chosen = choose_precision(tiny_config(model={"base_channels": channels}), CPU)
    assert chosen.number == "fp32"
    assert chosen.reason.endswith(reason)


def test_the_gain_is_measured_without_touching_what_a_run_depends_on() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    precision.gain_from_bf16.cache_clear()
    assert 0.01 < precision.gain_from_bf16() < 100
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_compiler_that_fails_is_told_once_and_the_step_is_taken_without(
    tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from torch._dynamo.exc import BackendCompilerFailed

    def broken(graph: object, inputs: object) -> Callable[..., object]:
        raise RuntimeError("no compiler here")

    loss, gradients = take_step(make_engine(tiny_config()))
    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_with(network, backend=broken, **options))
    engine = make_engine(tiny_config(training={"compile": True, "batch_size": 7}))
    assert engine.runner.compiled
    assert issubclass(BackendCompilerFailed, RuntimeError)
    focus = logging.getLogger("focus")
    monkeypatch.setattr(focus, "propagate", True)
    with caplog.at_level(logging.WARNING):
        in_spite, of_spite = take_step(engine)
        take_step(engine, 2)
    told = [record.getMessage() for record in caplog.records if "training.compile" in record.getMessage()]
    assert len(told) == 1
    assert "no compiler here" in told[0]
    assert not engine.runner.compiled
    assert in_spite == loss
    torch.testing.assert_close(of_spite, gradients, rtol=0, atol=0)
    assert engine.state()["model"].keys() == make_engine(tiny_config()).state()["model"].keys()


def test_a_compiled_network_keeps_its_names_and_learns_the_same(
    tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"channel_mults": [1]}
    loss, gradients = take_step(make_engine(tiny_config(model=small)))
    compile_with = torch.compile
    # The graph is found and guarded as ever; turning it into machine code takes minutes.
    monkeypatch.setattr(torch, "compile", lambda network, **options: compile_with(network, backend="eager", **options))
    engine = make_engine(tiny_config(model=small, training={"compile": True, "batch_size": 7}))
    compiled, of_compiled = take_step(engine)
    assert engine.runner.compiled
    assert compiled == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(of_compiled, gradients, rtol=1e-3, atol=1e-5)
    assert not [name for part in ("model", "ema") for name in engine.state()[part] if "_orig_mod" in name]


@pytest.mark.parametrize(("parts", "seen"), [(1, [7]), (3, [3, 3])])
def test_only_a_full_batch_is_compiled_for_another_size_would_be_compiled_anew(
    tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch, parts: int, seen: list[int]
) -> None:
    through = []

    def recorded(network: nn.Module, **options: Any) -> Callable[..., Tensor]:
        assert options == {"dynamic": False, "options": {}}
        return lambda x, *rest: (through.append(len(x)), network(x, *rest))[1]

    monkeypatch.setattr(torch, "compile", recorded)
    engine = make_engine(tiny_config(training={"compile": True, "batch_size": 7, "accumulation": parts}))
    take_step(engine)  # of seven maps, in parts of three, three and one
    engine.step(torch.randn(2, 1, 16, 16), torch.rand(2, 6), 1e-3, 2)
    assert through == seen


def test_a_compiled_network_wraps_maps_and_folds_gradients_as_an_uncompiled_one() -> None:
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 6, 8, dtype=torch.float64)

    def weighted(wrapped: Tensor) -> tuple[Tensor, Tensor]:
        return wrapped, torch.autograd.grad((wrapped * weights).sum(), x)[0]

    told = []

    def compiler(graph: torch.fx.GraphModule, inputs: object) -> Callable[..., object]:
        told.append(str(graph.graph))
        return graph.forward

    compiled = torch.compile(wrap, backend=compiler, dynamic=False)
    for one, other in zip(weighted(compiled(x)), weighted(wrap(x)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert len(told) == 1, "padding must not break the graph in two"


def test_norms_hand_on_the_numbers_that_they_were_given() -> None:
    norm, x = GroupNorm(16), torch.randn(2, 16, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(x.bfloat16()).dtype == torch.bfloat16
        assert norm(x).dtype == torch.float32


def test_a_step_is_launched_as_one_graph_on_cuda_alone_and_in_one_part(tiny_config: ConfigMaker, inductor: Any) -> None:
    cuda = torch.device("cuda")

    def options(compiled: object, device: torch.device = cuda, parts: int = 1) -> dict[str, Any] | None:
        return compiler_options(tiny_config(training={"compile": compiled, "accumulation": parts}), device)

    one, other = options("graph"), options(True)
    assert one is not None
    assert other is not None
    assert (one.pop("triton.cudagraphs"), other.pop("triton.cudagraphs")) == (True, False)
    assert one == other == {name: value for name, value in one.items() if hasattr(inductor, name)}
    assert options("auto") is not None
    assert options(False) is options("auto", CPU) is None
    with pytest.raises(UserError, match=r"training\.compile: graph is for CUDA, not for cpu; use auto"):
        options("graph", CPU)
    with pytest.raises(UserError, match=r"graph takes a batch at once, but training\.accumulation is 3"):
        options("graph", parts=3)


@pytest.fixture
def as_they_were(inductor: Any) -> Iterator[None]:
    """What belongs to the process."""
    cudnn = torch.backends.cudnn
    kept = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark, inductor.deterministic
    yield
    torch.use_deterministic_algorithms(kept[0])
    cudnn.deterministic, cudnn.benchmark, inductor.deterministic = kept[1:]


def test_a_deterministic_run_tells_torch_its_kernels_and_its_compiler_and_the_next_one_takes_it_back(
    as_they_were: None, inductor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for wanted in (True, False):
        prepare(torch.device("cuda"), wanted)
        assert torch.are_deterministic_algorithms_enabled() == wanted
        assert torch.backends.cudnn.deterministic == wanted
        assert inductor.deterministic == wanted


def test_compile_is_one_of_four_words_however_it_is_written(tiny_config: ConfigMaker) -> None:
    text = to_yaml(tiny_config())
    for written, word in (
        ("true", "true"),
        ("false", "false"),
        ("'true'", "true"),
        ("auto", "auto"),
        ("graph", "graph"),
    ):
        assert parse_config(text.replace("compile: auto", f"compile: {written}")).training.compile == word
    with pytest.raises(UserError, match=r"training\.compile"):
        parse_config(text.replace("compile: auto", "compile: sometimes"))
