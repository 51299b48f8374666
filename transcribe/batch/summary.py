"""How a batch ended, a row for each recording: for people, for spreadsheets and for scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from transcribe.batch.intake import Item
from transcribe.errors import TranscribeError
from transcribe.sheet import MARK, line

Row = dict[str, object]


def row_of(item: Item, translated: Callable[[TranscribeError], str], said: Callable[[str], str]) -> Row:
    """``translated``, ``said``: an error, or a marked sentence, in the reader's language."""
    problem = item.problem
    why = translated(problem) if isinstance(problem, TranscribeError) else said(item.why) if item.why else ""
    if isinstance(problem, OSError):
        why = problem.strerror or type(problem).__name__
    elif problem is not None and not isinstance(problem, TranscribeError):
        why = said(str(problem))
    return {
        "bestand": item.name,
        "tweede_bestand": item.second_name,
        "kenmerk": item.entry.ref if item.entry else "",
        "stand": said(item.state.value),
        "reden": why,
        "seconden": None if item.audio_s is None else round(item.audio_s, 1),
        "consult": "" if item.consult_id is None else str(item.consult_id),
        "origineel_verwijderd": item.removed,
    }


def as_csv(rows: Sequence[Row]) -> Iterator[str]:
    """Lines; no cell becomes a formula."""
    yield MARK + line(rows[0] if rows else [])
    for row in rows:
        yield line(row.values())
