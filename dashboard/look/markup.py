"""Our own HTML: readouts, pills, section heads, tiles, colour bars and rugs. Pure functions from data to text."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from dashboard.look.template import MINUS, power_text
from dashboard.look.theme import DIVIDE, NIGHT, StatusLook
from dashboard.look.words import Amount, decimals
from focus_core.catalogue.statistic_spec import NORMALISED
from focus_core.parameters import Parameter, ParameterSpace


@dataclass(frozen=True)
class Readout:
    """`label` may hold our own markup (P(k) in italics); value and third line are escaped."""

    label: str
    value: Amount | str
    refers: str = ""


def readouts(items: Sequence[Readout], name: str = "readouts") -> str:
    """One strip between two hairlines: label, value with a small unit, what it refers to."""
    cells = []
    for item in items:
        amount = Amount(item.value) if isinstance(item.value, str) else item.value
        unit = f"<small>{escape(amount.unit)}</small>" if amount.unit else ""
        cells.append(
            f'<div><dt class="label">{item.label}</dt><dd class="value">{escape(amount.value)}{unit}</dd>'
            f'<dd class="refers" title="{escape(item.refers)}">{escape(item.refers) or "&nbsp;"}</dd></div>'
        )
    return f'<dl class="focus-readouts" data-testid="{escape(name)}" style="--n:{len(items)}">{"".join(cells)}</dl>'


def pill(look: StatusLook) -> str:
    return (
        f'<span class="focus-pill {look.family}" data-testid="status" data-status="{look.word}">'
        f'<span aria-hidden="true">{look.glyph}</span>{escape(look.word)}</span>'
    )


def section(title: str, note: str = "") -> str:
    return f'<div class="focus-section"><b>{escape(title)}</b><span>{note}</span></div>'


def progress(fraction: float, label: str) -> str:
    percent = 100.0 * min(max(fraction, 0.0), 1.0)
    return (
        f'<div class="focus-progress" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}"><i style="width:{percent:.2f}%"></i></div>'
    )


def theta_words(space: ParameterSpace, theta: Sequence[float]) -> str:
    """ "Ωm 0.299, Ωb 0.065, …", for alternative texts."""
    pairs = zip(space.parameters, theta, strict=True)
    return ", ".join(f"{p.symbol} {theta_value(p, value)}" for p, value in pairs)


def theta_value(p: Parameter, value: float) -> str:
    return decimals(value, _places(p.minimum, p.maximum))


def theta_list(space: ParameterSpace, theta: Sequence[float]) -> str:
    cells = (
        f"<dt>{p.html}</dt><dd>{theta_value(p, value)}</dd>" for p, value in zip(space.parameters, theta, strict=True)
    )
    return f'<dl class="focus-theta">{"".join(cells)}</dl>'


def _places(low: float, high: float) -> int:
    """Three decimals, one more if the whole range is narrow."""
    return 3 if high - low >= 0.03 else 4


def tile(url: str, alt: str, *, truth: bool = False) -> str:
    kind = ' class="truth"' if truth else ""
    return f'<img{kind} src="{escape(url)}" alt="{escape(alt)}" loading="lazy" decoding="async">'


@dataclass(frozen=True)
class MapRow:
    """One simulation: its θ, its map, the generated ones, and log10 Σ at the ends of their common scale.

    With `limit` the generated ones are differences: log10 of their ratio to the true map, from −limit to limit.
    """

    theta: Sequence[float]
    truth_url: str
    generated_urls: Sequence[str]
    value_range: tuple[float, float]
    limit: float | None = None


def map_grid(space: ParameterSpace, rows: Iterable[MapRow], unit: str, epoch: int) -> str:
    """4 × 4 tiles with θ at the left and each row's own colour bar at the right."""
    cells = [
        '<span class="head corner"></span><span class="head truth">Simulation</span><span></span>'
        + "".join(f'<span class="head">Generated {i}</span>' for i in (1, 2, 3))
        + "<span></span>"
    ]
    for number, row in enumerate(rows, start=1):
        words = theta_words(space, row.theta)
        cells.append(theta_list(space, row.theta))
        cells.append(tile(row.truth_url, f"Simulated map {number}: {words}", truth=True) + "<span></span>")
        for i, url in enumerate(row.generated_urls, start=1):
            what = "Generated map" if row.limit is None else "Ratio to the simulation of generated map"
            cells.append(tile(url, f"{what} {i} of row {number}, epoch {epoch}: {words}"))
        cells.append(vertical_bar(*row.value_range) if row.limit is None else difference_bar(row.limit))
    return (
        f'<div class="focus-maps" data-testid="maps" data-epoch="{epoch}"><div class="grid">{"".join(cells)}</div>'
        f'<div class="focus-unit">{unit}, one scale per row</div></div>'
    )


def difference_bar(limit: float) -> str:
    """From −limit (blue) to limit, 0 in the middle."""
    ticks = "".join(
        f'<span class="decade" style="bottom:{where}%">{text}</span>'
        for where, text in ((4, f"{MINUS}{limit:.2g}"), (50, "0"), (96, f"+{limit:.2g}"))
    )
    gradient = f"linear-gradient(to top, {', '.join(DIVIDE)})"
    ramp = f'<div class="ramp" style="background:{gradient}"></div>'
    return f'<div class="focus-bar">{ramp}<div class="ticks">{ticks}</div></div>'


def gallery(urls: Sequence[str], alts: Sequence[str], columns: int, waiting: int = 0) -> str:
    cells = [tile(url, alt) for url, alt in zip(urls, alts, strict=True)]
    cells += ['<div class="waiting"></div>'] * waiting
    return f'<div class="focus-gallery" data-testid="gallery" style="--n:{columns}">{"".join(cells)}</div>'


def night_gradient(direction: str) -> str:
    return f"linear-gradient({direction}, {', '.join(NIGHT)})"


def vertical_bar(low: float, high: float) -> str:
    ticks = "".join(
        f'<span class="{kind}" style="bottom:{100 * where:.1f}%">{text}</span>'
        for where, text, kind in bar_ticks(low, high)
    )
    return (
        f'<div class="focus-bar"><div class="ramp" style="background:{night_gradient("to top")}"></div>'
        f'<div class="ticks">{ticks}</div></div>'
    )


def horizontal_bar(low: float, high: float, unit: str) -> str:
    ticks = "".join(f'<span style="left:{100 * where:.1f}%">{text}</span>' for where, text, _ in bar_ticks(low, high))
    return (
        f'<div class="focus-hbar"><div><div class="ramp" style="background:{night_gradient("to right")}"></div>'
        f'<div class="ticks">{ticks}</div></div><div>{unit}</div></div>'
    )


def bar_ticks(low: float, high: float) -> list[tuple[float, str, str]]:
    """(place 0 … 1, text, "decade" | "between") for a colour bar of log10 Σ from `low` to `high`.

    1, 2 and 5 of each decade where they are far enough apart (a tenth of the bar), decades first.
    """
    if not high > low:
        return []
    wanted = [(m, e) for m in (1, 3, 5, 2) for e in range(math.floor(low), math.ceil(high) + 1)]
    chosen: list[tuple[float, str, str]] = []
    for mantissa, exponent in wanted:
        where = (math.log10(mantissa) + exponent - low) / (high - low)
        if 0.0 <= where <= 1.0 and all(abs(where - other) > 0.13 for other, _, _ in chosen):
            chosen.append((where, power_text(mantissa, exponent), "decade" if mantissa == 1 else "between"))
    return sorted(chosen)


def rug(values: Sequence[float], low: float, high: float, minimum: float, maximum: float, *, outside: bool) -> str:
    """Ticks of the training simulations over [low, high], and a bar over the training range [minimum, maximum].

    The ticks are a mask over a coloured box, so that their colour follows the page's mode.
    """
    lines = "".join(
        f"<rect x='{1000 * (v - low) / (high - low):.1f}' width='2.2' height='7'/>" for v in values if low <= v <= high
    )
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1000 7' preserveAspectRatio='none'>{lines}</svg>"
    url = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    left, right = (100 * (v - low) / (high - low) for v in (minimum, maximum))
    mask = f"-webkit-mask:url({url}) 0 0/100% 100%;mask:url({url}) 0 0/100% 100%"
    return (
        f'<div class="focus-rug{" out" if outside else ""}" aria-hidden="true"><i style="{mask}"></i>'
        f'<u style="margin-left:{left:.2f}%;width:{right - left:.2f}%"></u></div>'
    )


def unit_html(unit: str | None) -> str:
    """The unit of Σ as figures write it; a normalised field is labelled as such."""
    if unit in (None, "", NORMALISED):
        return "normalised field"
    if unit and unit.replace(" ", "") in (
        "(M☉/h)/(Mpc/h)²",
        "(M☉/h)/(Mpc/h)^2",
        "Msun/h/(Mpc/h)^2",
        "(Msun/h)/(Mpc/h)^2",
    ):
        return "Σ [M<sub>⊙</sub>/<i>h</i> (Mpc/<i>h</i>)<sup>−2</sup>]"
    return f"Σ [{escape(unit or '')}]"
