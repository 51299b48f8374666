"""The master key, what is derived from it, and whether it is that of the database.

It wraps the data keys of the consults and the few keys that last (``lasting.py``); it never touches content itself.
Whoever has the database and the files but not this key has nothing. Keep its back-up apart from theirs. Where it is
kept: ``key_places.py``. How it is replaced: ``rotation.py``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store.crypto import KEY_BYTES, context, new_key, open_sealed, seal
from transcribe.store.key_places import place_of

#: In a data folder in which a service has started once (``app.mark_mode``): from then on there is a key, or it is lost.
USED = "soort"


@dataclass(frozen=True, kw_only=True)
class MasterKey:
    """Derived keys, one for each use (HKDF, RFC 5869); the master key itself is not kept."""

    #: Fingerprint: says with which master key a data key was wrapped, and nothing about the key.
    id: str
    _wrapping: bytes = field(repr=False)
    _anchors: bytes = field(repr=False)
    _derived: Mapping[str, bytes] = field(repr=False)
    #: Of master keys that this one replaced, by fingerprint: they open files of before, and seal nothing any more.
    _before: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, secret: bytes) -> MasterKey:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a master key is {KEY_BYTES} bytes, not {len(secret)}")
        return cls(
            id=_derive(secret, b"fingerprint")[:8].hex(),
            _wrapping=_derive(secret, b"wrap data keys"),
            _anchors=_derive(secret, ANCHORS.encode()),
            _derived={use: _derive(secret, use.encode()) for use in DERIVED},
        )

    def wrap(self, data_key: bytes, key_id: str) -> bytes:
        """A data key as it may be stored; ``key_id`` says whose it is and is checked by ``unwrap``.

        What is wrapped stands in a column beside ``master``, so that a rotation finds it (``rotation.REWRAPPED``).
        """
        return seal(self._wrapping, data_key, context("data key", key_id))

    def unwrap(self, wrapped: bytes, key_id: str) -> bytes:
        """Raises ``Unreadable`` for another master key or another ``key_id``."""
        return open_sealed(self._wrapping, wrapped, context("data key", key_id))

    def derived(self, use: str) -> bytes:
        """What did the work of a lasting key before there were any (``lasting.py``)."""
        return self._derived[use]

    def anchor(self, words: str) -> bytes:
        """32 bytes that nobody can make who has not the keys of this database: the seal of an anchor of the access log.

        Of a master key that ``lasting.opened`` gave: the seals of before a rotation hold.
        """
        return hmac.digest(self._anchors, words.encode(), sha256)

    # -- replaced by another -------------------------------------------------------------------------------------------

    def opens(self, master: str) -> bool:
        """Is that its own fingerprint, or of one that it replaced?"""
        return master == self.id or master in self._before

    def unwrap_file(self, wrapped: bytes, key_id: str, master: str) -> bytes:
        """The key of a file that the master key of that fingerprint sealed. Only when it ``opens`` that one."""
        wrapping = self._wrapping if master == self.id else self._before[master]
        return open_sealed(wrapping, wrapped, context("data key", key_id))

    def handed_on(self) -> bytes:
        """What its successor needs to open files of before: not the master key, and not what is derived for others."""
        return self._wrapping

    def after(self, before: Mapping[str, bytes], *, anchors: bytes | None = None) -> MasterKey:
        """With what those that it replaced handed on, by fingerprint, and the key of anchors that stayed the same."""
        return replace(self, _before=dict(before), _anchors=anchors or self._anchors)


ANCHORS = "anchors of the access log"
#: What was derived from the master key itself in the first versions.
DERIVED = ("pseudonyms", "words", ANCHORS)


def _derive(secret: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"transcribe master key: " + use).derive(secret)


def load_master_key(settings: Settings, *, make: bool = True) -> MasterKey:
    """The master key from where the settings say it is; but for "env" one is made on first use, and only then.

    A new one fits nothing that is there already: in a folder that was used before, or without ``make``, there must be
    one. Raises ``SetupProblem`` that says what to do.
    """
    place = place_of(settings)
    secret = place.read()
    if secret is None:
        if not make or (settings.data_dir / USED).exists():
            raise SetupProblem(problem=place.missing)
        secret = place.keep_first(new_key())
    return MasterKey.of(secret)


def another_master_key(ours: str, theirs: str) -> SetupProblem:
    """The database's is not the one that is here. Both as fingerprints."""
    return SetupProblem(
        problem=f"de hoofdsleutel ({ours}) hoort niet bij deze database ({theirs}). Zet de juiste hoofdsleutel terug "
        "uit uw back-up; zonder die sleutel is niets te lezen. Werd het wisselen van de hoofdsleutel afgebroken, maak "
        "het dan af: transcribe keys rotate."
    )
