"""Tables for a spreadsheet: as a Dutch one reads them, without a cell that becomes a formula, readable for us alone."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable
from pathlib import Path

#: By it a spreadsheet knows UTF-8.
MARK = "\ufeff"
#: A spreadsheet takes what begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unguarded(cell: str) -> str:
    """What ``guarded`` was given."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def line(fields: Iterable[object]) -> str:
    """One row, with semicolons and its end; None is an empty cell."""
    out = io.StringIO()
    cells = (guarded("" if field is None else str(field)) for field in fields)
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def write_private(path: Path, pieces: Iterable[str], *, new: bool = False) -> None:
    """Text of patients or staff, into a file that only we can read, also when there was one that others could.

    Raises ``FileExistsError`` when it must be new.
    """
    how = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else 0)
    with os.fdopen(os.open(path, how, 0o600), "w", encoding="utf-8", newline="") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # /dev/stdout stays as it is
            os.fchmod(file.fileno(), 0o600)  # before what was there goes: it may not be ours
            file.truncate(0)
        file.writelines(pieces)
