"""Users' tables of parameters, arrays and text alike, read only if they are unambiguous."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.data.column_names import is_known_name
from focus_core.data.containers import CONTAINERS, read_matrix
from focus_core.data.files import open_array
from focus_core.errors import UserError


@dataclass(frozen=True)
class Table:
    """Rows of numbers (n, d), and the names of their columns if the file has them."""

    header: tuple[str, ...] | None
    values: NDArray[np.float64]


@dataclass(frozen=True)
class _Lines:
    """Of a text: (line number, words) of each row, the names above them if there are any, and the line of the names."""

    header: tuple[str, ...] | None
    rows: list[tuple[int, list[str]]]


# Columns with the simulation's name or seed, and pandas' name for its index: not parameters.
_NO_PARAMETERS = ("name", "seed", "sim_name", "index", "unnamed: 0", "")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


def read_table(path: Path) -> Table:
    """Read rows of parameters, with the names of their columns if the file has them.

    In text, columns are separated by commas, semicolons, tabs or blanks; lines and ends of lines after # are comments;
    names are in a first line of words, or in the comment that ends above the first row. If blanks separate columns, a
    name with blanks in it must be in quotes, unless it is the only one. Columns called Name and seed, and pandas'
    index, are not parameters and are left out.
    """
    if path.suffix == ".npy":
        values = np.array(open_array(path), dtype=np.float64)
        if values.ndim != 2:
            raise UserError(f"{path}: has shape {values.shape}; parameters have shape (n, d).")
        return _checked(Table(None, values), path)
    if path.suffix.lower() in CONTAINERS:
        names, values = read_matrix(path)
        return _checked(Table(names, values), path)
    return _checked(_table_of(_read_lines(path), path), path)


def table_text(names: Sequence[str], rows: NDArray[np.float64]) -> str:
    """Text that `read_table` reads as exactly these names and numbers, if no name is an `unreadable_name`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    # A blank in the only name would separate two columns.
    header = f'"{names[0]}"\n' if len(names) == 1 and " " in names[0] else text.getvalue()
    return header + "".join(",".join(repr(float(value)) for value in row) + "\n" for row in rows)


def unreadable_name(names: Sequence[str]) -> str | None:
    """The first that would not be read back unchanged: with a #, a ; or quotes, a number, or for example `seed`."""
    one_row = np.full((1, 1), 0.5)
    return next((name for name in names if not _reads_as(name, table_text((name,), one_row))), None)


def _reads_as(name: str, text: str) -> bool:
    try:
        return _table_of(_lines_of(text, Path()), Path()).header == (name,)
    except UserError:
        return False


def _table_of(lines: _Lines, path: Path) -> Table:
    lines = _without_index(lines)
    header = lines.header
    keep = None if header is None else [i for i, name in enumerate(header) if name.lower() not in _NO_PARAMETERS]
    rows = [_numbers(path, number, words, header, keep) for number, words in lines.rows]
    for (number, _), row in zip(lines.rows, rows, strict=True):
        if len(row) != len(rows[0]):
            raise UserError(f"{path}, line {number}: has {len(row)} columns, but the first row has {len(rows[0])}.")
    names = tuple(header[i] for i in keep) if header is not None and keep is not None else None
    return Table(names, np.array(rows, dtype=np.float64))


def _read_lines(path: Path) -> _Lines:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}).") from error
    return _lines_of(text, path)


def _lines_of(text: str, path: Path) -> _Lines:
    plain = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    rows = [(number, line.partition("#")[0].strip()) for number, line in plain if not line.startswith("#")]
    separator = _separator(path, [line for _, line in rows])
    words = [(number, _words(path, line, separator)) for number, line in rows]
    if words and not any(_is_number(word) for word in words[0][1][1:] or words[0][1]):
        names = tuple(words[0][1])
        return _Lines((" ".join(names),) if _is_one_name(names, separator, words[1:]) else names, words[1:])
    first = rows[0][0] if rows else 0
    comments = [line.lstrip("#").strip() for number, line in plain if number < first and line.startswith("#")]
    return _Lines(_commented_names(path, comments, words), words)


def _is_one_name(words: Sequence[str], separator: str | None, rows: Sequence[tuple[int, list[str]]]) -> bool:
    """Words above a single column, none of which is the name of a parameter by itself."""
    single = separator is None and len(rows) > 0 and all(len(row) == 1 for _, row in rows)
    return single and not any(map(is_known_name, words))


def _separator(path: Path, lines: Sequence[str]) -> str | None:
    """Separator of the columns; None is blanks. UserError for decimal commas, which exclude commas between columns."""
    if any(";" in line for line in lines):
        if any(_DECIMAL_COMMA.fullmatch(word.strip()) for line in lines[:3] for word in line.split(";")):
            raise UserError(f"{path}: has decimal commas between semicolons; write numbers with a decimal point.")
        return ";"
    if any("," in line for line in lines):
        blank = any(len(re.split(r"[ \t]+", line)) > 1 and re.search(r"\d,\d", line) for line in lines[1:3])
        if blank and not all(re.search(r",\s", line) for line in lines[1:3]):
            raise UserError(
                f"{path}: has commas and blanks between its numbers, which may be decimal commas; part the columns by "
                "one of them and write numbers with a decimal point."
            )
        return ","
    return None


def _words(path: Path, line: str, separator: str | None) -> list[str]:
    if separator is None:
        return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
    try:
        (row,) = csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error}).") from error
    return [word.strip() for word in row]


def _commented_names(
    path: Path, comments: Sequence[str], rows: Sequence[tuple[int, list[str]]]
) -> tuple[str, ...] | None:
    """The names in the last comment above the rows; a sentence with a different number of words is only a comment."""
    for line in reversed(comments):
        names = tuple(word for word in re.split(r"[,;\s]+", line) if word)
        width = len(rows[0][1]) if rows else 0
        known = sum(is_known_name(name) for name in names)
        if names and (2 * known > len(names) or len(names) == width):
            return names
    return None


def _without_index(lines: _Lines) -> _Lines:
    """Without the column that pandas writes in front of a table: whole numbers, each once, that the header leaves out.

    If the header calls it "" or "Unnamed: 0", `_NO_PARAMETERS` leaves it out.
    """
    header, rows = lines.header, lines.rows
    if header is None or not rows or any(len(words) != len(header) + 1 for _, words in rows):
        return lines
    first = [words[0] for _, words in rows]
    if not all(word.isdigit() for word in first) or len(set(first)) != len(first):
        return lines
    return replace(lines, rows=[(number, words[1:]) for number, words in rows])


def _numbers(
    path: Path, number: int, words: list[str], header: tuple[str, ...] | None, keep: list[int] | None
) -> list[float]:
    width = len(header) if header else len(words)
    if len(words) != width:
        raise UserError(f"{path}, line {number}: has {len(words)} columns, but the header names {width}.")
    chosen = [words[i] for i in keep] if keep is not None else words
    for word in chosen:
        if not _is_number(word):
            raise UserError(f"{path}, line {number}: '{word}' is not a number.")
    return [float(word) for word in chosen]


def _checked(table: Table, path: Path) -> Table:
    """The table, if it has rows and all of them are finite."""
    if not table.values.size:
        raise UserError(f"{path}: holds no rows of parameters.")
    bad = np.argwhere(~np.isfinite(table.values))
    if len(bad):
        row, column = bad[0]
        name = table.header[column] if table.header else f"column {column + 1}"
        raise UserError(f"{path}, row {row + 1}: {name} is {table.values[row, column]}; θ must be finite.")
    return table


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
