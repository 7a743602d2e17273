"""Tables that people keep and flows look into: typed columns, rows, CSV, and what changed between versions. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

from careline.kernel.errors import InvalidInput
from careline.kernel.phone import to_e164

COLUMN_TYPES = ("text", "number", "boolean", "date", "time", "phone", "money")

MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 5000, 30, 500

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TRUE = frozenset({"true", "yes", "y", "1", "x", "sí", "si"})
_FALSE = frozenset({"false", "no", "n", "0", ""})


class BadTable(InvalidInput):
    """This table is not valid."""

    id = "invalid-table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. The first is the key, by which flows find a row."""

    name: str
    #: text, number, boolean, date, time, phone, money
    type: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """One difference between two versions, by key."""

    #: added, removed, changed
    code: str
    key: str
    column: str | None = None
    before: Any = None
    after: Any = None


def columns_of(given: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Columns from JSON. Raises `BadTable`."""
    found = [Column(name=str(item.get("name", "")), type=str(item.get("type", "text"))) for item in given]
    if not 1 <= len(found) <= MOST_COLUMNS:
        raise BadTable(f"A table has 1 to {MOST_COLUMNS} columns.")
    for column in found:
        if not _NAME.fullmatch(column.name):
            raise BadTable(f"A column's name is written in small letters, digits and _: “{column.name}” is not.")
        if column.type not in COLUMN_TYPES:
            raise BadTable(f"A column is one of {', '.join(COLUMN_TYPES)}.", column=column.name)
    if len({c.name for c in found}) != len(found):
        raise BadTable("Two columns have the same name.")
    return found


def rows_of(columns: Sequence[Column], given: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows with every cell in its column's type. Raises `BadTable` naming row and column."""
    if len(given) > MOST_ROWS:
        raise BadTable(f"A table has at most {MOST_ROWS} rows.")
    rows: list[list[Any]] = []
    seen: set[str] = set()
    for number, row in enumerate(given, 1):
        if len(row) != len(columns):
            raise BadTable(f"Row {number} has {len(row)} cells; the table has {len(columns)} columns.", row=number)
        made = [_cell(column, value, number) for column, value in zip(columns, row, strict=True)]
        key = made[0]
        if key is None or key == "":
            raise BadTable(f"Row {number} has no “{columns[0].name}”, by which it would be found.", row=number)
        if str(key) in seen:
            raise BadTable(f"“{key}” is there twice, the second time in row {number}.", row=number)
        seen.add(str(key))
        rows.append(made)
    return rows


def _cell(column: Column, value: Any, row: int) -> Any:
    if isinstance(value, str):
        value = value.strip()
        if len(value) > LONGEST_CELL or "\x00" in value:
            raise BadTable(f"Row {row}, {column.name}: at most {LONGEST_CELL} characters.", row=row, column=column.name)
    if value is None or (value == "" and column.type != "boolean"):
        return None
    made = _typed(column.type, value)
    if made is None:
        raise BadTable(
            f"Row {row}, {column.name}: “{value}” is not a {_WORDS[column.type]}.", row=row, column=column.name
        )
    return made


_WORDS: Mapping[str, str] = {
    "text": "text",
    "number": "number",
    "boolean": "yes or no",
    "date": "date (2026-03-31)",
    "time": "time (08:30)",
    "phone": "telephone number",
    "money": "sum of money (12.50)",
}


def _typed(kind: str, value: Any) -> Any:
    """The value in its type; None when it is none."""
    text = str(value)
    try:
        match kind:
            case "number":
                number = float(text.replace(",", ".")) if not isinstance(value, int | float) else value
                if isinstance(value, bool) or number != number or abs(number) > 1e15:
                    return None
                return int(number) if float(number).is_integer() else number
            case "boolean":
                low = text.casefold()
                return True if low in _TRUE else False if low in _FALSE else None
            case "date":
                return date.fromisoformat(text).isoformat()
            case "time":
                return time.fromisoformat(text).strftime("%H:%M")
            case "phone":
                return to_e164(text)
            case "money":
                amount = Decimal(text.replace("$", "").replace(",", ""))
                return f"{amount:.2f}" if amount.is_finite() and abs(amount) < 10**12 else None
            case _:
                return text
    except (ValueError, InvalidOperation, OverflowError):
        return None


def changes(
    before_columns: Sequence[Mapping[str, Any]],
    before: Sequence[Sequence[Any]],
    after_columns: Sequence[Mapping[str, Any]],
    after: Sequence[Sequence[Any]],
) -> list[CellChange]:
    """What differs between two versions of a table, row by row."""
    old_names, new_names = [c["name"] for c in before_columns], [c["name"] for c in after_columns]
    old = {str(row[0]): dict(zip(old_names, row, strict=False)) for row in before}
    new = {str(row[0]): dict(zip(new_names, row, strict=False)) for row in after}
    found = [CellChange(code="removed", key=key) for key in old if key not in new]
    for key, row in new.items():
        if key not in old:
            found.append(CellChange(code="added", key=key))
            continue
        found += [
            CellChange(code="changed", key=key, column=name, before=old[key].get(name), after=row.get(name))
            for name in dict.fromkeys([*old_names, *new_names])
            if old[key].get(name) != row.get(name)
        ]
    return found


def from_csv(text: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a CSV text, comma or semicolon. Raises `BadTable`."""
    text = text.removeprefix("\ufeff")
    if len(text) > 2_000_000:
        raise BadTable("The file is larger than two megabytes.")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        lines = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise BadTable("This is not a CSV file.") from error
    if not lines:
        raise BadTable("The file is empty.")
    header = [name.strip() for name in lines[0]]
    return header, [[_safe_in(cell) for cell in row] for row in lines[1:]]


def to_csv(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> str:
    """A table as CSV. Cells that a spreadsheet would take for a formula are put behind an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([_safe_out(column, value) for column, value in zip(columns, row, strict=True)])
    return out.getvalue()


def _safe_out(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if column.type in ("text", "phone") and text[:1] in "=+-@\t\r":
        return f"'{text}"
    return text


def _safe_in(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell
