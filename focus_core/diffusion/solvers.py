"""The solvers named in the catalogue: each is called with the method's equation or chain and the sampler's settings."""

from __future__ import annotations

from torch import Tensor

from focus_core.diffusion import ode, samplers
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.ode import Equation
from focus_core.diffusion.samplers import Chain
from focus_core.diffusion.spacing import discrete_times


def ddpm(chain: Chain, sampler: Sampler) -> Tensor:
    return samplers.ddpm(chain.denoiser, chain.schedule, chain.noise, chain.clamp, chain.progress)


def ddim(chain: Chain, sampler: Sampler) -> Tensor:
    times = discrete_times(chain.schedule, sampler.steps, sampler.spacing)
    return samplers.ddim(chain.denoiser, chain.schedule, chain.noise, times, sampler.eta, chain.clamp, chain.progress)


def euler(equation: Equation, sampler: Sampler) -> Tensor:
    return ode.euler(equation.field, equation.times, equation.x)


def heun(equation: Equation, sampler: Sampler) -> Tensor:
    return ode.heun(equation.field, equation.times, equation.x, equation.ends_at_zero)


def two_step(equation: Equation, sampler: Sampler) -> Tensor:
    """DPM-Solver++(2M) in noise levels, and the Adams–Bashforth rule if the equation has other times."""
    field = equation.field
    if equation.noise_levels:
        return ode.dpmpp_2m(lambda x, sigma: field(x, sigma).x0, equation.times, equation.x)
    return ode.two_step(field, equation.times, equation.x)


def adaptive(equation: Equation, sampler: Sampler) -> Tensor:
    first, last = equation.times
    return ode.adaptive(equation.field, first, last, equation.x, sampler.tolerance, equation.progress)
