"""Anchors of the access log: number and hash of its newest row at some moment, kept outside the database.

A chain of hashes can't tell that its last rows were cut off, nor that all of it was computed anew. An anchor can: the
row of that number must be there, with that hash. So anchors are written where whoever changes the database does not
reach: a file in the data folder (``FILE``, by the keeper), every back-up, every copy of the keys, and paper
(``transcribe log anchor``). Each is a line of text under a seal (HMAC) made with the master key: who has not that key
can't make one up. What they can't show: that rows were cut off which are newer than the newest anchor out of reach; and
nothing at all against who has the database, the master key and every anchor.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from uuid import UUID

from transcribe.errors import N_, InvalidInput
from transcribe.store.access_log import Walked
from transcribe.store.folders import sync_folder
from transcribe.store.keys import MasterKey

FILE = "toegangslog.ankers"
#: An anchor is written when the newest is so old.
EVERY = timedelta(hours=1)
#: Of the time before this, one a day is kept.
ALL_OF = timedelta(days=2)

_AT = "%Y-%m-%dT%H:%M:%SZ"
_LINE = re.compile(
    r"anker1 (?P<installation>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (?P<seq>\d{1,18}) (?P<hash>[0-9a-f]{64}) "
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?P<master>[0-9a-f]{16}) (?P<seal>[0-9a-f]{32})",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    installation: UUID  # whose database it was
    seq: int  # 0: there were no rows
    hash: bytes
    at: datetime

    def line(self, master_key: MasterKey) -> str:
        return f"{self._words()} {master_key.id} {self._seal(master_key)}"

    def _words(self) -> str:
        at = self.at.astimezone(UTC).strftime(_AT)
        return f"anker1 {self.installation} {self.seq} {self.hash.hex()} {at}"

    def _seal(self, master_key: MasterKey) -> str:
        return master_key.anchor(self._words())[:16].hex()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An anchor as it was found somewhere."""

    anchor: Anchor
    where: str  # for people
    sealed: bool  # by our master key


def read_line(line: str, where: str, master_key: MasterKey) -> Kept:
    """Raises ``InvalidInput`` for what is no anchor."""
    words = " ".join(line.split())
    found, at = _LINE.fullmatch(words), _moment(words)
    if found is None or at is None:
        raise InvalidInput(
            problem=N_(
                "Dit is geen anker van het toegangslog. Neem de hele regel over die “transcribe log anchor” gaf."
            )
        )
    anchor = Anchor(
        installation=UUID(found["installation"]),
        seq=int(found["seq"]),
        hash=bytes.fromhex(found["hash"]),
        at=at,
    )
    sealed = hmac.compare_digest(found["seal"], anchor._seal(master_key))  # also of before a rotation
    return Kept(anchor=anchor, where=where, sealed=sealed)


def _moment(line: str) -> datetime | None:
    """None: it is no anchor."""
    found = _LINE.fullmatch(line)
    try:
        return None if found is None else datetime.strptime(found["at"], _AT).replace(tzinfo=UTC)
    except ValueError:
        return None


class Verdict(Enum):
    """What an anchor says of the log. The value is Dutch, for people."""

    HOLDS = N_("klopt")
    CUT_OFF = N_("de regels daarna zijn er niet meer: het einde van het log is afgekapt")
    DIFFERS = N_("die regel is nu een andere: het log is veranderd")
    UNSEALED = N_("het zegel klopt niet: dit anker is niet met deze hoofdsleutel gemaakt, of het is veranderd")
    REMOVED = N_("die regel is na de bewaartermijn verwijderd; dit anker zegt niets meer")
    ELSEWHERE = N_("dit anker is van een installatie van vóór een terugzetting; wat daarna kwam is daar gebleven")
    UNKNOWN = N_("zo ver kwam de controle niet")

    @property
    def wrong(self) -> bool:
        return self in (Verdict.CUT_OFF, Verdict.DIFFERS, Verdict.UNSEALED)


def judge(kept: Kept, walked: Walked, installation: UUID) -> Verdict:
    """``walked``: along the whole chain, with the hash of this anchor's row."""
    anchor = kept.anchor
    if not kept.sealed:
        return Verdict.UNSEALED
    if anchor.seq < walked.first - 1:
        return Verdict.REMOVED
    if anchor.installation != installation and walked.brought_over is not None and anchor.seq > walked.brought_over:
        return Verdict.ELSEWHERE
    if anchor.seq > walked.last:
        return Verdict.CUT_OFF if walked.broken is None else Verdict.UNKNOWN
    return Verdict.HOLDS if hmac.compare_digest(walked.at[anchor.seq], anchor.hash) else Verdict.DIFFERS


def should_be_there(walked: Walked, now: datetime) -> bool:
    """Is this installation so old that its service wrote an anchor? It does when it starts, and each hour."""
    return walked.since is not None and walked.since < now - 2 * EVERY


# -- the file in the data folder -------------------------------------------------------------------------------------


def read_file(folder: Path, master_key: MasterKey) -> tuple[list[Kept], int]:
    """Oldest first; and how many lines are no anchors. Raises ``OSError``."""
    path = folder / FILE
    found: list[Kept] = []
    damaged = 0
    lines = path.read_text(encoding="ascii", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        try:
            found.append(read_line(line, str(path), master_key))
        except InvalidInput:
            damaged += 1
    return found, damaged


def write_file(folder: Path, anchor: Anchor, master_key: MasterKey) -> bool:
    """Add it when the newest in the file is an hour old; returns whether it was. Whole, or as it was.

    What stands in it stays as it is, also what is damaged: it is for ``transcribe log verify`` to judge.
    """
    path = folder / FILE
    lines = path.read_text(encoding="ascii", errors="replace").splitlines() if path.is_file() else []
    moments = [_moment(line) for line in lines]
    newest = max((moment for moment in moments if moment is not None), default=None)
    if newest is not None and newest <= anchor.at < newest + EVERY:
        return False
    kept = [line for line, needed in zip(lines, _needed(moments, anchor.at), strict=True) if needed]
    draft = path.with_name(f".{FILE}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join([*kept, anchor.line(master_key), ""]))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(folder)
    return True


def _needed(moments: Sequence[datetime | None], now: datetime) -> Iterable[bool]:
    """Of the last days all, of the time before the last one of each day; and what is no anchor."""
    for moment, following in zip_longest(moments, moments[1:]):
        if moment is None or following is None or moment > now - ALL_OF:
            yield True
        else:
            yield moment.date() != following.date()
