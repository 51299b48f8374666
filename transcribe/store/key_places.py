"""Where the master key is kept: a file, the keyring of the operating system, the environment, or behind a Vault.

A place holds one key, and while the key is being replaced (``rotation.py``) the next one beside it. A key that is
there is never overwritten but by ``promote``, and that is one step: whenever the process dies, one of both is whole.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store.crypto import KEY_BYTES
from transcribe.store.folders import make_data_dir, make_private, sync_folder, write_once
from transcribe.store.vault import Transit

VARIABLE = "TRANSCRIBE_MASTER_KEY"
NEXT_VARIABLE = "TRANSCRIBE_MASTER_KEY_NEW"
KEYRING_SERVICE = "transcribe"
_NEXT = ".nieuw"


class KeyPlace(Protocol):
    """Everything raises ``SetupProblem`` that says what to do. Keys are 32 bytes."""

    @property
    def missing(self) -> str:
        """A Dutch sentence for who finds no key here."""
        ...

    @property
    def to_do(self) -> str:
        """What is left for the administrator after ``promote``; "" for nothing."""
        ...

    def read(self) -> bytes | None:
        """The key; None when there is none."""
        ...

    def keep_first(self, secret: bytes) -> bytes:
        """Keep it where there was none; returns the one that is there from now on: somebody else may be first."""
        ...

    def read_next(self) -> bytes | None:
        """The key that is to replace it; None when there is none."""
        ...

    def keep_next(self, secret: bytes) -> bytes:
        """Keep it beside the key, durably. Returns the one that is there."""
        ...

    def promote(self) -> None:
        """The next key becomes the key, and the one before is no longer here. Fine when there is no next one."""
        ...


def place_of(settings: Settings) -> KeyPlace:
    match settings.master_key:
        case "file":
            return FilePlace(settings.data_dir)
        case "keyring":
            return KeyringPlace(settings.data_dir)
        case "env":
            return EnvironmentPlace()
        case "vault":
            return VaultPlace(
                settings.data_dir,
                Transit(
                    settings.vault_url,
                    settings.vault_key,
                    token_file=settings.vault_token_file,
                    allowed=settings.allowed_hosts.split(","),
                    mount=settings.vault_mount,
                    namespace=settings.vault_namespace,
                ),
            )


class FilePlace:
    """``keys/master.key`` in the data folder: base64 of 32 bytes, for our eyes only."""

    to_do = ""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir.expanduser().absolute() / "keys" / "master.key"

    @property
    def missing(self) -> str:
        return (
            f"de hoofdsleutel ontbreekt. Zet haar eerst terug ({self._path}, alleen leesbaar voor u: chmod 600), "
            "of wijs haar aan met TRANSCRIBE_MASTER_KEY_FROM."
        )

    def read(self) -> bytes | None:
        return _read_private(self._path)

    def keep_first(self, secret: bytes) -> bytes:
        make_private(make_data_dir(self._data_dir) / "keys")
        return _keep(self._path, secret)

    def read_next(self) -> bytes | None:
        return _read_private(_next(self._path))

    def keep_next(self, secret: bytes) -> bytes:
        return _keep(_next(self._path), secret)

    def promote(self) -> None:
        _promote(self._path)


class KeyringPlace:
    """The operating system's keyring of this user, one key for each data folder."""

    to_do = ""

    def __init__(self, data_dir: Path) -> None:
        self._account = str(data_dir.expanduser().absolute())

    @property
    def missing(self) -> str:
        return (
            f"de hoofdsleutel van {self._account} ontbreekt in de sleutelbos van het besturingssysteem. Zet "
            "haar eerst terug, of wijs haar aan met TRANSCRIBE_MASTER_KEY_FROM."
        )

    def read(self) -> bytes | None:
        return self._get(self._account)

    def keep_first(self, secret: bytes) -> bytes:
        return self._put(self._account, secret)

    def read_next(self) -> bytes | None:
        return self._get(self._account + _NEXT)

    def keep_next(self, secret: bytes) -> bytes:
        return self._put(self._account + _NEXT, secret)

    def promote(self) -> None:
        following = self.read_next()
        if following is None:
            return
        self._put(self._account, following)
        import keyring
        import keyring.errors

        # one that can't be removed is the key itself, and the next rotation takes it away
        with suppress(keyring.errors.KeyringError):
            keyring.delete_password(KEYRING_SERVICE, self._account + _NEXT)

    def _get(self, account: str) -> bytes | None:
        import keyring
        import keyring.errors

        try:
            found = keyring.get_password(KEYRING_SERVICE, account)
        except keyring.errors.KeyringError as problem:
            raise _no_keyring() from problem
        return None if found is None else decoded(found.encode(), "de sleutelbos")

    def _put(self, account: str, secret: bytes) -> bytes:
        import keyring
        import keyring.errors

        try:
            keyring.set_password(KEYRING_SERVICE, account, base64.b64encode(secret).decode())
        except keyring.errors.KeyringError as problem:
            raise _no_keyring() from problem
        # read back: what counts is what will be there tomorrow, not what we asked to keep
        found = self._get(account)
        if found is None:
            raise SetupProblem(
                problem="de sleutelbos van het besturingssysteem bewaart niets. Kies TRANSCRIBE_MASTER_KEY_FROM=file."
            )
        return found


class EnvironmentPlace:
    """``TRANSCRIBE_MASTER_KEY``: base64 of 32 bytes; for machines that get their secrets from elsewhere."""

    missing = f"{VARIABLE} is leeg. Zet er de hoofdsleutel in (32 bytes, base64)."
    to_do = (
        f"Zet de waarde van {NEXT_VARIABLE} nu in {VARIABLE}, op elke machine, en haal {NEXT_VARIABLE} weg. Start pas "
        "daarna de dienst."
    )

    def read(self) -> bytes | None:
        return self._get(VARIABLE)

    def keep_first(self, secret: bytes) -> bytes:  # noqa: ARG002  (there is nowhere to keep it)
        raise SetupProblem(problem=self.missing)

    def read_next(self) -> bytes | None:
        return self._get(NEXT_VARIABLE)

    def keep_next(self, secret: bytes) -> bytes:  # noqa: ARG002
        raise SetupProblem(
            problem=f"zet eerst een nieuwe hoofdsleutel in {NEXT_VARIABLE} (32 willekeurige bytes, base64: openssl "
            f"rand -base64 32) en bewaar haar zoals u {VARIABLE} bewaart."
        )

    def promote(self) -> None:
        """The administrator does it, see ``to_do``."""

    def _get(self, variable: str) -> bytes | None:
        text = os.environ.get(variable, "")
        return decoded(text.encode(), variable) if text else None


class VaultPlace:
    """``keys/master.vault`` in the data folder: the key as Vault or OpenBao sealed it. Only the Vault opens it.

    It is opened once, when a process starts; what it opens stays in memory. See docs/keys.md.
    """

    to_do = "Neem keys/master.vault over op elke andere machine voordat u daar de dienst start."

    def __init__(self, data_dir: Path, transit: Transit) -> None:
        self._data_dir = data_dir
        self._path = data_dir.expanduser().absolute() / "keys" / "master.vault"
        self._transit = transit

    @property
    def missing(self) -> str:
        return (
            f"de verzegelde hoofdsleutel ontbreekt. Zet haar eerst terug ({self._path}, alleen leesbaar voor u: chmod "
            "600), of wijs een andere hoofdsleutel aan met TRANSCRIBE_MASTER_KEY_FROM."
        )

    def read(self) -> bytes | None:
        return self._open(self._path)

    def keep_first(self, secret: bytes) -> bytes:
        make_private(make_data_dir(self._data_dir) / "keys")
        return self._seal(self._path, secret)

    def read_next(self) -> bytes | None:
        return self._open(_next(self._path))

    def keep_next(self, secret: bytes) -> bytes:
        return self._seal(_next(self._path), secret)

    def promote(self) -> None:
        _promote(self._path)

    def reseal(self) -> bool:
        """With the newest version of the Vault's own key; the master key stays the same. False: it was already."""
        sealed = _private(self._path)
        if sealed is None:
            raise SetupProblem(problem=self.missing)
        before = sealed.decode("ascii", errors="replace").strip()
        after = self._transit.rewrap(before)
        if _version(after) == _version(before):
            return False
        if self._transit.decrypt(after) != self._transit.decrypt(before):
            raise SetupProblem(problem="de Vault gaf een andere sleutel terug; er is niets veranderd.")
        if not write_once(_next(self._path), after.encode() + b"\n"):
            raise SetupProblem(
                problem="het wisselen van de hoofdsleutel is niet af. Maak dat eerst af: transcribe keys rotate."
            )
        _promote(self._path)
        return True

    def _open(self, path: Path) -> bytes | None:
        sealed = _private(path)
        if sealed is None:
            return None
        return decoded(self._transit.decrypt(sealed.decode("ascii", errors="replace").strip()).encode(), "de Vault")

    def _seal(self, path: Path, secret: bytes) -> bytes:
        write_once(path, self._transit.encrypt(base64.b64encode(secret).decode()).encode() + b"\n")
        found = self._open(path)  # opened again: what counts is what can be opened tomorrow
        assert found is not None
        return found


def decoded(text: bytes, where: str) -> bytes:
    """The key in it. Never shows the text: it may be a key with a typing error."""
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise SetupProblem(
            problem=f"{where} bevat geen hoofdsleutel (32 bytes, base64). Zet de sleutel terug uit uw back-up."
        )
    return secret


def _version(sealed: str) -> str:
    """``vault:v3:...``: by which version of the Vault's key."""
    return sealed.rpartition(":")[0]


def _next(path: Path) -> Path:
    return path.with_name(path.name + _NEXT)


def _promote(path: Path) -> None:
    with suppress(FileNotFoundError):
        _next(path).replace(path)
        sync_folder(path.parent)


def _keep(path: Path, secret: bytes) -> bytes:
    write_once(path, base64.b64encode(secret) + b"\n")
    found = _read_private(path)
    assert found is not None
    return found


def _read_private(path: Path) -> bytes | None:
    found = _private(path)
    return None if found is None else decoded(found, f"het bestand {path}")


def _private(path: Path) -> bytes | None:
    """What is in a file that nobody else can read; None when it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        # of the open file: the path may be swapped between a check and its use
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise SetupProblem(
                problem=f"anderen op deze computer kunnen de hoofdsleutel lezen ({path}). "
                f"Maak hem eerst privé: chmod 600 {path}"
            )
        return file.read()


def _no_keyring() -> SetupProblem:
    return SetupProblem(
        problem="de sleutelbos van het besturingssysteem is niet te gebruiken. Ontgrendel hem, of kies "
        "TRANSCRIBE_MASTER_KEY_FROM=file."
    )
