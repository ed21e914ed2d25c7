"""Failures by cause: messages that mean the same are counted together, with what to do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from focus_store.record.lanes import Failure


@dataclass(frozen=True)
class Cause:
    """What went wrong, how often, newest first, and what to do."""

    title: str
    remedy: str
    failures: tuple[Failure, ...]

    @property
    def last(self) -> Failure:
        return self.failures[0]


# (text in the message, cause, remedy); the first match counts.
_KNOWN: Sequence[tuple[str, str, str]] = (
    (
        r"do not fit into the memory|out of memory\?|OutOfMemory",
        "Out of memory",
        "Lower training.batch_size or model.base_channels",
    ),
    (r"not finite|NaN", "Loss not finite", "Lower training.lr, or clip gradients harder"),
    (r"has changed since this run|used other content", "Dataset changed", "Restore the files, or start the run anew"),
    (r"^data\.dataset: .* is not there", "Dataset missing", "Make or add it on the Datasets page"),
    (
        r"whole number of maps|columns|sha256|truncated|shape \(",
        "Dataset damaged or mislabelled",
        "Mend the files, then check again",
    ),
    (
        r"has not been heard of|its worker vanished",
        "Worker vanished",
        "See that its machine is on; Resume continues from the last checkpoint",
    ),
    (
        r"No space left|could not be written|cannot be written",
        "Disk full or not writable",
        "Make room below, then Resume",
    ),
    (r"was ended by SIG|had to be killed", "Trainer killed", "Look at the machine's memory and its log, then Resume"),
    (r"a fault of FOCUS|ended with code", "Fault of FOCUS", "The log has the traceback; please report it"),
)


def by_cause(failures: Sequence[Failure]) -> list[Cause]:
    """Most frequent first; equal counts by the newest."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault(_cause(failure.message), []).append(failure)
    causes = [
        Cause(title, remedy, tuple(sorted(found, key=lambda f: f.ended_at, reverse=True)))
        for (title, remedy), found in groups.items()
    ]
    return sorted(causes, key=lambda cause: (len(cause.failures), cause.last.ended_at), reverse=True)


def _cause(message: str) -> tuple[str, str]:
    for pattern, title, remedy in _KNOWN:
        if re.search(pattern, message):
            return title, remedy
    field = re.match(r"(--)?([a-z_]+(\.[a-z_A-Z0-9]+)*):", message)
    if field:
        return f"Refused: {field[2]}", "Clone it and change that setting"
    return (message.partition(":")[0][:60] or "No reason given"), "See its page"
