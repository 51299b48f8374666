"""How a batch ended, a row for each recording: for people, for spreadsheets and for scripts."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence

from transcribe.batch.items import Item
from transcribe.errors import N_, TranscribeError
from transcribe.sheet import MARK, line

Row = dict[str, object]

OF_A_FILE = N_("Het bestand is niet te lezen.")
OF_FILES = {
    errno.ENOENT: N_("Het bestand is er niet meer."),
    errno.EACCES: N_("Dit account mag het bestand niet lezen. Controleer de rechten."),
    errno.EPERM: N_("Dit account mag het bestand niet lezen. Controleer de rechten."),
    errno.EIO: N_("De schijf geeft een leesfout. Controleer of hij goed is aangesloten."),
}


def row_of(item: Item, translated: Callable[[TranscribeError], str], said: Callable[[str], str]) -> Row:
    """``translated``, ``said``: an error, or a marked sentence, in the reader's language."""
    problem = item.problem or item.kept
    if isinstance(problem, TranscribeError):
        why = translated(problem)
    elif isinstance(problem, OSError):
        why = said(OF_FILES.get(problem.errno or 0, OF_A_FILE))
    else:
        why = said(str(problem)) if problem is not None else said(item.why) if item.why else ""
    return {
        "bestand": item.name,
        "tweede_bestand": item.second_name,
        "kenmerk": item.ref or (item.entry.ref if item.entry else ""),
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
