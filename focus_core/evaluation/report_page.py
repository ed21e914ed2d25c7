"""report.html: a single file to send to a referee, with its figures inside, light and dark; it makes no requests."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from focus_core.evaluation.evaluating import Result
from focus_core.evaluation.over_prior import OverPrior
from focus_core.evaluation.prior_figure import draw_over_prior
from focus_core.evaluation.result_figures import DARK, draw_result
from focus_core.evaluation.scoring import Entry
from focus_core.evaluation.summary import (
    beside_rivals,
    findings,
    headline,
    number,
    passing,
    quoted_band,
    reason_of,
    worst_entry,
)  # fmt: skip
from focus_core.statistics.verdict import Judgement, Verdict

_MARK = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.FAIL: "✗", Verdict.NOT_MEASURED: "–"}
_WORD = {
    Verdict.PASS: "pass",
    Verdict.WARN: "near the limit",
    Verdict.FAIL: "fail",
    Verdict.NOT_MEASURED: "not measured",
}

_STYLE = """
:root{--paper:#fff;--raised:#f5f7f9;--ink:#17202b;--muted:#566171;--line:#d5dae1;
--fail:#b3261e;--warn:#9a6700;--pass:#0b6478;--none:#6a7482}
@media(prefers-color-scheme:dark){:root{--paper:#12181f;--raised:#1a222b;--ink:#e8ecf1;--muted:#a4afbd;--line:#36414e;
--fail:#ff8a80;--warn:#e6b450;--pass:#5cc3d6;--none:#95a0ae}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}h2{font-size:20px;margin:40px 0 12px}h3{font-size:17px;margin:0 0 4px}
p{margin:0 0 10px;max-width:72ch}.muted{color:var(--muted)}.small{font-size:14px}
.lead{font-size:20px;margin:20px 0 16px}
ul.findings{list-style:none;margin:0;padding:0;max-width:84ch}
ul.findings li{padding:8px 0 8px 30px;border-top:1px solid var(--line);position:relative}
ul.findings li b{position:absolute;left:4px}
.fail{color:var(--fail)}.warn{color:var(--warn)}.pass{color:var(--pass)}.none{color:var(--none)}
.rivals{margin-top:14px}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left;color:var(--muted);border-bottom:1px solid var(--line);padding:6px 10px 6px 0;
white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:6px 10px 6px 0;vertical-align:top}
.small{margin-top:2px}
td.n,th.n{text-align:right;white-space:nowrap}td.v{white-space:nowrap;font-weight:600}
section{border-top:1px solid var(--line);padding:24px 0;display:grid;grid-template-columns:minmax(0,1fr) 500px;gap:28px}
section img,.prior img{width:100%;height:auto;display:block}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 20px;font-size:14px;margin:0}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
a{color:inherit}
@media(max-width:900px){section{grid-template-columns:minmax(0,1fr)}}
@media(max-width:520px){main{padding:20px 16px 40px}h1{font-size:24px}.lead{font-size:18px}
dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:8px}.rival{display:none}}
@media print{section{break-inside:avoid}}
"""

# Besides the names of statistics: the figure of accuracy over θ.
PRIOR = "over the prior"


def page(
    results: Sequence[Result],
    settings: Mapping[str, Any],
    notes: Sequence[str],
    drawn: Mapping[str, bytes],
    prior: OverPrior | None = None,
) -> str:
    """The whole document. `drawn` is the light figure of each statistic that was measured, and of `PRIOR`."""
    subject = html.escape(str(settings["subject"]))
    words = "".join(
        f'<li><b class="{_class(verdict)}">{_MARK[verdict]}</b>{html.escape(sentence)}</li>'
        for verdict, sentence in findings(results)
    )
    said = "".join(f'<p class="muted small">{html.escape(note)}</p>' for note in notes)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Evaluation of {subject}</title><style>{_STYLE}</style></head>
<body><main><h1>Evaluation of {subject}</h1><p class="muted">{html.escape(_about(settings))}</p>
<p class="lead">{html.escape(headline(results))}</p>
<p>{html.escape(passing(results))}</p><ul class="findings">{words}</ul>
<p class="muted rivals">{html.escape(beside_rivals(results))}</p>
<h2>All statistics</h2><div class="wide">{_table(results)}</div>
<p class="muted small">A statistic passes where its worst number is within the level, or within twice its uncertainty,
of the ideal; it fails beyond the level and three times the uncertainty. The uncertainty joins the error, by bootstrap
over simulations, and the floor: what a perfect emulator would score with so few simulations.</p>{said}
<h2>One by one</h2>{"".join(_section(result, drawn[result.statistic.name]) for result in results if result.outcome)}
{_over_prior(results, prior, drawn)}<h2>Settings</h2>{_settings(settings)}</main></body></html>
"""


def _about(settings: Mapping[str, Any]) -> str:
    return (
        f"{settings['maps']:,} maps at {settings['simulations']} θ, held against {settings['reference_simulations']} "
        f"simulations ({settings['reference_maps']:,} maps) of {settings['dataset']}, {settings['split_in_words']}."
    )


def _table(results: Sequence[Result]) -> str:
    rivals = list(dict.fromkeys(name for result in results for name in result.rivals))
    head = "".join(f"<th{' class=n' if n else ''}>{t}</th>" for t, n in (
        ("Statistic", False), ("Verdict", False), ("Value", True), ("Error", True), ("Floor", True), ("Level", True),
    ))  # fmt: skip
    head += "".join(f'<th class="n rival">{html.escape(name)}</th>' for name in rivals)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(_row(r, rivals) for r in results)}</tbody></table>"


def _row(result: Result, rivals: Sequence[str]) -> str:
    j, statistic = result.judgement, result.statistic
    name = html.escape(statistic.title)
    cells = [f'<a href="#{statistic.name}">{name}</a>' if result.outcome else name]
    worst = worst_entry(result)
    where = f'<div class="muted small">{html.escape(worst.label)}</div>' if worst else ""
    cells[0] += where
    others = "".join(f'<td class="n rival">{_verdict_and_value(result.rivals.get(name))}</td>' for name in rivals)
    return (
        f'<tr><td>{cells[0]}</td><td class="v {_class(j.verdict)}">{_MARK[j.verdict]} {_WORD[j.verdict]}</td>'
        f'<td class="n">{number(j.value)}</td><td class="n">{number(j.error)}</td><td class="n">{number(j.floor)}</td>'
        f'<td class="n">{j.level:g}</td>{others}</tr>'
    )


def _verdict_and_value(judgement: Judgement | None) -> str:
    if judgement is None or judgement.value is None:
        return "–"
    verdict = judgement.verdict
    return f'<span class="{_class(verdict)}">{_MARK[verdict]}</span> {number(judgement.value)}'


def _section(result: Result, light: bytes) -> str:
    outcome, statistic = result.outcome, result.statistic
    assert outcome is not None
    verdict = result.judgement.verdict
    rows = "".join(_entry(entry) for entry in outcome.entries)
    said = "".join(f'<p class="small">{html.escape(text)}</p>' for text in (reason_of(result), outcome.note) if text)
    return (
        f'<section id="{statistic.name}"><div><h3>{html.escape(statistic.title)} '
        f'<span class="{_class(verdict)}">{_MARK[verdict]} {_WORD[verdict]}</span></h3>{said}<div class="wide"><table>'
        f'<thead><tr><th>{html.escape(statistic.axis or "number")}</th><th class="n">Value</th><th class="n">Error</th>'
        f'<th class="n">Floor</th><th class="n">Level</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</div>"
        f"<div>{_figures(result, light)}</div></section>"
    )


def _over_prior(results: Sequence[Result], prior: OverPrior | None, drawn: Mapping[str, bytes]) -> str:
    if prior is None:
        return ""
    band = quoted_band(results, prior)
    alt = html.escape(f"Ratio of mean P(k) in {prior.bands[band]} against {', '.join(prior.symbols)}")
    picture = _picture(drawn[PRIOR], lambda file: draw_over_prior(file, prior, band, DARK), alt)
    return (
        '<h2 id="over-prior">Over the prior</h2><p class="small">Mean P(k) of the maps at each θ over what the '
        f"simulations lead to expect there, in {html.escape(prior.bands[band])}, with the standard error that the "
        f'scatter of the maps leaves; grey is 5 % about the ideal.</p><div class="prior">{picture}</div>'
    )


def _entry(entry: Entry) -> str:
    j = entry.judgement
    mark = f'<span class="{_class(j.verdict)}">{_MARK[j.verdict]}</span>' if entry.judged else "shown only"
    return (
        f"<tr><td>{html.escape(entry.label)}</td>"
        f'<td class="n">{number(j.value)}</td><td class="n">{number(j.error)}</td>'
        f'<td class="n">{number(j.floor)}</td><td class="n">{j.level:g}</td><td>{mark}</td></tr>'
    )


def _figures(result: Result, light: bytes) -> str:
    alt = html.escape(f"{result.statistic.title}: generated maps against simulations")
    return _picture(light, lambda file: draw_result(file, result, DARK), alt)


def _picture(light: bytes, draw_dark: Callable[[BinaryIO], None], alt: str) -> str:
    """For both themes, inside the page."""
    dark = io.BytesIO()
    draw_dark(dark)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_inside(dark.getvalue())}">'
        f'<img alt="{alt}" src="{_inside(light)}"></picture>'
    )


def _inside(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _settings(settings: Mapping[str, Any]) -> str:
    rows = []
    for name, value in settings.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        shown = "–" if text is None or text == "" else html.escape(str(text))
        rows.append(f"<dt>{html.escape(name.replace('_', ' '))}</dt><dd>{shown}</dd>")
    return f"<dl>{''.join(rows)}</dl>"


def _class(verdict: Verdict) -> str:
    return {Verdict.NOT_MEASURED: "none"}.get(verdict, str(verdict))
