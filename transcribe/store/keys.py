"""The master key: where it is kept, and what is derived from it.

It wraps the data keys of the consults and makes pseudonyms of patient references; it never touches content itself.
Whoever has the database and the files but not this key has nothing. Keep its back-up apart from theirs.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store.crypto import KEY_BYTES, context, new_key, open_sealed, seal
from transcribe.store.folders import make_data_dir, make_private, write_once

VARIABLE = "TRANSCRIBE_MASTER_KEY"
KEYRING_SERVICE = "transcribe"
#: In a data folder in which a service has started once (``app.mark_mode``): from then on there is a key, or it is lost.
USED = "soort"


@dataclass(frozen=True, kw_only=True)
class MasterKey:
    """Derived keys, one for each use (HKDF, RFC 5869); the master key itself is not kept."""

    #: Fingerprint: says with which master key a data key was wrapped, and nothing about the key.
    id: str
    _wrapping: bytes = field(repr=False)
    _pseudonyms: bytes = field(repr=False)
    _words: bytes = field(repr=False)
    _anchors: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> MasterKey:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a master key is {KEY_BYTES} bytes, not {len(secret)}")
        return cls(
            id=_derive(secret, b"fingerprint")[:8].hex(),
            _wrapping=_derive(secret, b"wrap data keys"),
            _pseudonyms=_derive(secret, b"pseudonyms"),
            _words=_derive(secret, b"words"),
            _anchors=_derive(secret, b"anchors of the access log"),
        )

    def wrap(self, data_key: bytes, key_id: str) -> bytes:
        """A data key as it may be stored; ``key_id`` says whose it is and is checked by ``unwrap``."""
        return seal(self._wrapping, data_key, context("data key", key_id))

    def unwrap(self, wrapped: bytes, key_id: str) -> bytes:
        """Raises ``Unreadable`` for another master key or another ``key_id``."""
        return open_sealed(self._wrapping, wrapped, context("data key", key_id))

    def fingerprint(self, words: str) -> bytes:
        """32 bytes that recognise exactly these words again without telling them."""
        return hmac.digest(self._words, words.encode(), sha256)

    def anchor(self, words: str) -> bytes:
        """32 bytes that nobody can make who has not this master key: the seal of an anchor of the access log."""
        return hmac.digest(self._anchors, words.encode(), sha256)

    def pseudonym(self, reference: str) -> bytes:
        """32 bytes that find a patient reference back without telling it; blanks and capitals do not matter.

        Keyed (HMAC-SHA256), because references are short: a bare hash is undone by trying all of them.
        """
        return hmac.digest(self._pseudonyms, "".join(reference.split()).casefold().encode(), sha256)


def _derive(secret: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"transcribe master key: " + use).derive(secret)


def load_master_key(settings: Settings, *, make: bool = True) -> MasterKey:
    """The master key from where the settings say it is; file and keyring make one on first use, and only then.

    A new one fits nothing that is there already: in a folder that was used before, or without ``make``, there must be
    one. Raises ``SetupProblem`` that says what to do.
    """
    make = make and not (settings.data_dir / USED).exists()
    match settings.master_key:
        case "file":
            return from_file(settings.data_dir, make=make)
        case "keyring":
            return from_keyring(settings.data_dir, make=make)
        case "env":
            return from_environment()


def from_file(data_dir: Path, *, make: bool = True) -> MasterKey:
    """``data_dir/keys/master.key``: base64 of 32 bytes, for our eyes only."""
    path = data_dir.expanduser().absolute() / "keys" / "master.key"
    if not path.exists():
        if not make:
            raise SetupProblem(
                problem=f"de hoofdsleutel ontbreekt. Zet haar eerst terug ({path}, alleen leesbaar voor u: chmod 600), "
                "of wijs haar aan met TRANSCRIBE_MASTER_KEY_FROM."
            )
        make_private(make_data_dir(data_dir) / "keys")
        write_once(path, base64.b64encode(new_key()) + b"\n")
    with path.open("rb") as file:
        # of the open file: the path may be swapped between a check and its use
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise SetupProblem(
                problem=f"anderen op deze computer kunnen de hoofdsleutel lezen ({path}). "
                f"Maak hem eerst privé: chmod 600 {path}"
            )
        return _decode(file.read(), f"het bestand {path}")


def from_keyring(data_dir: Path, *, make: bool = True) -> MasterKey:
    """The operating system's keyring of this user, one key for each data folder."""
    import keyring
    import keyring.errors

    account = str(data_dir.expanduser().absolute())
    try:
        if keyring.get_password(KEYRING_SERVICE, account) is None:
            if not make:
                raise SetupProblem(
                    problem=f"de hoofdsleutel van {account} ontbreekt in de sleutelbos van het besturingssysteem. Zet "
                    "haar eerst terug, of wijs haar aan met TRANSCRIBE_MASTER_KEY_FROM."
                )
            keyring.set_password(KEYRING_SERVICE, account, base64.b64encode(new_key()).decode())
        # read back: what counts is what will be there tomorrow, not what we asked to keep
        found = keyring.get_password(KEYRING_SERVICE, account)
    except keyring.errors.KeyringError as problem:
        raise SetupProblem(
            problem="de sleutelbos van het besturingssysteem is niet te gebruiken. Ontgrendel hem, of kies "
            "TRANSCRIBE_MASTER_KEY_FROM=file."
        ) from problem
    if found is None:
        raise SetupProblem(
            problem="de sleutelbos van het besturingssysteem bewaart niets. Kies TRANSCRIBE_MASTER_KEY_FROM=file."
        )
    return _decode(found.encode(), "de sleutelbos")


def from_environment() -> MasterKey:
    """``TRANSCRIBE_MASTER_KEY``: base64 of 32 bytes; for machines that get their secrets from a vault."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        raise SetupProblem(problem=f"{VARIABLE} is leeg. Zet er de hoofdsleutel in (32 bytes, base64).")
    return _decode(text.encode(), VARIABLE)


def _decode(text: bytes, where: str) -> MasterKey:
    """Never shows the text: it may be a key with a typing error."""
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise SetupProblem(
            problem=f"{where} bevat geen hoofdsleutel (32 bytes, base64). Zet de sleutel terug uit uw back-up."
        )
    return MasterKey.of(secret)
