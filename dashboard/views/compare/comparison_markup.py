"""Our own HTML of the Compare page: the measured table, the image matrix, the dash of an experiment's colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.look.markup import theta_list, theta_words, tile
from dashboard.look.theme import STATUS_LOOK
from dashboard.look.words import number
from dashboard.parts.state import experiment_link
from dashboard.views.compare.compared_values import NOT_MEASURED, Measure, Setting
from dashboard.views.compare.comparison import Compared
from focus_core.parameters import ParameterSpace


def dash(colour: str) -> str:
    return f'<i class="focus-dash" style="background:{colour}" aria-hidden="true"></i>'


def compare_table(
    runs: Sequence[Compared], baseline: int, rows: Sequence[Measure], settings: Sequence[Setting], n_settings: int
) -> str:
    """Measured rows with ratios to the baseline, best in bold; below, in the same columns, the settings that differ."""
    words = f"Configuration, {len(settings)} of {n_settings} settings differ"
    measured = "".join(
        f'<tr><th scope="row">{row.label}</th>{"".join(_cell(row, i) for i in range(len(runs)))}</tr>' for row in rows
    )
    configured = "".join(
        f'<tr><th scope="row"><code>{escape(setting.key).replace(".", ".<wbr>")}</code></th>'
        + "".join(
            f"<td>{f'<b>{escape(text)}</b>' if differs else escape(text)}</td>"
            for text, differs in zip(setting.texts, setting.differs, strict=True)
        )
        + "</tr>"
        for setting in settings
    )
    head = "".join(_head(run, i == baseline) for i, run in enumerate(runs))
    return (
        '<div class="focus-scroll" tabindex="0" role="region" aria-label="Measured values of the chosen experiments">'
        f'<table class="focus-compare" data-testid="compare-table"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{measured}</tbody>"
        f'<tbody data-testid="compare-config"><tr><th class="part" colspan="{len(runs) + 1}" scope="rowgroup">{words}'
        f"</th></tr>{configured}</tbody></table></div>"
    )


def _head(run: Compared, is_baseline: bool) -> str:
    look = STATUS_LOOK[run.detail.summary.status]
    note = f"{look.glyph} {look.word}{', baseline' if is_baseline else ''}"
    return (
        f'<th scope="col">{dash(run.colour)}<a href="{escape(experiment_link(run.id))}" target="_self" '
        f'title="{escape(run.name)}">{escape(run.short)}</a><small>{escape(note)}</small></th>'
    )


def _cell(row: Measure, i: int) -> str:
    if row.values[i] is None:
        return f'<td class="nothing">{NOT_MEASURED}</td>'
    ratio = row.ratios[i]
    text = escape(row.texts[i])
    beside = f" <small>×{number(ratio)}</small>" if ratio is not None else ""
    return f"<td>{f'<b>{text}</b>' if i in row.best else text}{beside}</td>"


@dataclass(frozen=True)
class MatrixRow:
    """One experiment's maps at one epoch: (n_theta, n_seeds) addresses, or none if nothing was drawn."""

    short: str
    name: str  # not shortened
    colour: str
    epoch: int | None
    urls: Sequence[Sequence[str]]


@dataclass(frozen=True)
class MatrixBlock:
    """Experiments that drew the same θ with the same seeds, under their common truth."""

    title: str
    space: ParameterSpace
    theta: Sequence[Sequence[float]]
    truth_urls: Sequence[str]
    rows: Sequence[MatrixRow]


def image_matrix(blocks: Sequence[MatrixBlock], epoch: int) -> str:
    """Rows: the simulation, then the experiments. Columns: θ and, within it, the seed. θ stands beside its truth."""
    inner = "".join(_block(block, epoch) for block in blocks)
    return (
        f'<div class="focus-scroll" tabindex="0" role="region" aria-label="Maps of all experiments, epoch {epoch}">'
        f'<div class="focus-matrix" data-testid="image-matrix" data-epoch="{epoch}">{inner}</div></div>'
    )


def _block(block: MatrixBlock, epoch: int) -> str:
    seeds = max((len(row) for r in block.rows for row in r.urls), default=1)
    columns = len(block.theta)
    cells = ['<span class="name"></span>']
    for theta in block.theta:
        short = _short_theta(block.space, theta)
        cells += [f'<span class="head">{short if s == 0 else f"seed {s + 1}"}</span>' for s in range(seeds)]
    cells.append(f'<span class="name"><b>{escape(block.title)}</b></span>')
    for i, (theta, url) in enumerate(zip(block.theta, block.truth_urls, strict=True), start=1):
        words = theta_words(block.space, theta)
        cells.append(_cell_of(tile(url, f"{block.title}, map {i}: {words}"), " truth"))
        if seeds > 1:
            cells.append(
                f'<div class="theta" style="grid-column:span {seeds - 1}">{theta_list(block.space, theta)}</div>'
            )
    for row in block.rows:
        cells += _row(row, block, seeds, epoch)
    return f'<div class="grid" style="--n:{columns * seeds};--seeds:{seeds}">{"".join(cells)}</div>'


def _row(row: MatrixRow, block: MatrixBlock, seeds: int, epoch: int) -> list[str]:
    at = "no map yet" if row.epoch is None else f"epoch {row.epoch}" if row.epoch != epoch else ""
    note = f"<small>{at}</small>" if at else ""
    cells = [
        f'<span class="name"><span title="{escape(row.name)}">{dash(row.colour)}{escape(row.short)}</span>{note}</span>'
    ]
    for i, theta in enumerate(block.theta):
        words = theta_words(block.space, theta)
        for seed in range(seeds):
            if row.epoch is None:
                cells.append('<div class="waiting"></div>')
            else:
                alt = f"{row.name}, epoch {row.epoch}, seed {seed + 1}: {words}"
                cells.append(_cell_of(tile(row.urls[i][seed], alt)))
    return cells


def _cell_of(image: str, kind: str = "") -> str:
    """A window onto the map, which the linked zoom magnifies behind it."""
    return f'<span class="cell{kind}">{image}</span>'


def _short_theta(space: ParameterSpace, theta: Sequence[float]) -> str:
    """Two parameters name a column: Ωm and σ8 if present, otherwise the first two."""
    names = list(space.names)
    wanted = [n for n in ("Omega_m", "sigma_8") if n in names] or names[:2]
    pairs = [(space.parameters[names.index(n)], theta[names.index(n)]) for n in wanted]
    return ", ".join(f"{p.html} {value:.2f}" for p, value in pairs)
