"""Keys that stay the same when the master key is replaced, each wrapped by it, one for each use.

A pseudonym must find a patient back after a rotation, and what is sealed in small, not with the data key of a consult,
must not have to be found and sealed anew. So whatever needs a key of its own gets a ``Use``. Nothing but a data key,
a key of this table and the key of a sealed file is ever wrapped by the master key itself (a test holds that), and these
are what ``rotation.py`` knows of.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection, delete, exists, insert, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from transcribe.errors import SetupProblem
from transcribe.store import tables
from transcribe.store.crypto import new_key
from transcribe.store.keys import ANCHORS, DERIVED, MasterKey, another_master_key

_BEFORE = "master "  # name of what a replaced master key handed on, before its fingerprint
VOICE = "voice "  # of the key of a voice profile, before its number


class Use(StrEnum):
    """What each is for. The values are names in the database."""

    PSEUDONYMS = "pseudonyms"  # of patient references
    WORDS = "words"  # fingerprints of what doctors change in drafts
    ANCHORS = ANCHORS  # seals of anchors of the access log
    SECOND_STEPS = "second steps"  # seals of what the apps of accounts have
    LOG_IN = "log-in"  # marks of browsers, and second steps that are being set up


@dataclass(frozen=True, kw_only=True)
class LastingKeys:
    _keys: Mapping[Use, bytes] = field(repr=False)

    def of(self, use: Use) -> bytes:
        """32 bytes."""
        return self._keys[use]

    def fingerprint(self, words: str) -> bytes:
        """32 bytes that recognise exactly these words again without telling them."""
        return hmac.digest(self._keys[Use.WORDS], words.encode(), sha256)

    def mark(self, words: str) -> bytes:
        """32 bytes that nobody else can make of these words, for who is on the way in (``staff.py``)."""
        return hmac.digest(self._keys[Use.LOG_IN], words.encode(), sha256)

    def pseudonym(self, reference: str) -> bytes:
        """32 bytes that find a patient reference back without telling it; blanks and capitals do not matter.

        Keyed (HMAC-SHA256), because references are short: a bare hash is undone by trying all of them.
        """
        return hmac.digest(self._keys[Use.PSEUDONYMS], "".join(reference.split()).casefold().encode(), sha256)


def open_keys(tx: Connection, master_key: MasterKey) -> tuple[MasterKey, LastingKeys]:
    """The lasting keys of this database, and the master key with what it needs to open files of before a rotation.

    The first to come makes this the master key of the database, and the lasting keys: random ones, or those that did
    the work before there were any. Raises ``SetupProblem`` for another master key, and for a user who is the first and
    may not make them; ``Unreadable`` for a damaged one.
    """
    if not set(Use) <= (found := _rows(tx)).keys():
        check_master_key(tx, master_key.id)
        _make(tx, master_key, set(Use) - found.keys())
        found = _rows(tx)  # of another process when that was first
    check_master_key(tx, master_key.id)
    return opened(master_key, found)


def _rows(tx: Connection) -> dict[str, bytes]:
    query = select(tables.lasting_key.c.name, tables.lasting_key.c.wrapped)
    return {row.name: row.wrapped for row in tx.execute(query)}


def _make(tx: Connection, master_key: MasterKey, missing: set[Use]) -> None:
    if not tx.scalar(text("SELECT has_table_privilege('lasting_key', 'INSERT')")):
        raise SetupProblem(
            problem="de database is nog nooit door een verwerker gebruikt. Start eerst een worker van deze versie, als "
            "eigenaar van de database."
        )
    tx.execute(insert_or_skip(tables.master_key).values(id=master_key.id).on_conflict_do_nothing())
    in_use = tx.scalar(select(exists(select(tables.consult.c.id))))
    for use in sorted(missing):
        # an anchor may have been sealed before anything was in the database
        key = master_key.derived(use) if use is Use.ANCHORS or (in_use and use in DERIVED) else new_key()
        row = wrapped_row(master_key, use, key)
        tx.execute(insert_or_skip(tables.lasting_key).values(row).on_conflict_do_nothing())


def opened(master_key: MasterKey, rows: Mapping[str, bytes]) -> tuple[MasterKey, LastingKeys]:
    """Of rows of the table: wrapped keys by name. Raises ``Unreadable``."""
    # a voice is opened when it is needed
    keys = {
        name: master_key.unwrap(wrapped, key_id(name)) for name, wrapped in rows.items() if not name.startswith(VOICE)
    }
    before = {name.removeprefix(_BEFORE): key for name, key in keys.items() if name.startswith(_BEFORE)}
    lasting = {use: keys[use] for use in Use if use in keys}
    return master_key.after(before, anchors=lasting.get(Use.ANCHORS)), LastingKeys(_keys=lasting)


def check_master_key(tx: Connection, ours: str) -> None:
    """Raises ``SetupProblem`` when the keys of this database are wrapped by another master key."""
    theirs = tx.scalar(select(tables.master_key.c.id))
    if theirs not in (None, ours):
        raise another_master_key(ours, theirs)


def hand_on(tx: Connection, before: MasterKey, following: MasterKey) -> None:
    """The one that replaces it opens its files from now on."""
    tx.execute(insert(tables.lasting_key).values(wrapped_row(following, _BEFORE + before.id, before.handed_on())))


def forget_before(tx: Connection) -> int:
    """No file that a replaced master key sealed can be opened any more. Returns how many there were."""
    kept = tables.lasting_key
    return tx.execute(delete(kept).where(kept.c.name.startswith(_BEFORE, autoescape=True))).rowcount


def wrapped_row(master_key: MasterKey, name: str, key: bytes) -> dict[str, object]:
    return {"name": str(name), "master": master_key.id, "wrapped": master_key.wrap(key, key_id(name))}


def voice_key(profile_id: UUID) -> str:
    """Name of the key of a voice profile (``voice_profiles.py``): it is destroyed with it, and so lasts less long."""
    return f"{VOICE}{profile_id}"


def key_id(name: str) -> str:
    return f"lasting/{name}"
