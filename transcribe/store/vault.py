"""The transit engine of HashiCorp Vault or OpenBao: seals and opens the master key, and never lets its own key out.

API: https://openbao.org/api-docs/secret/transit/ (the same as https://developer.hashicorp.com/vault/api-docs/secret/transit).
The host must have been named by the administrator; anything but this machine needs https (``outbound_client`` sees to
the rest). What the server says in an error is not shown: it may repeat what it was asked.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from transcribe.errors import SetupProblem
from transcribe.outbound import Place, Purpose, allow_list, normal, this_machine
from transcribe.outbound_client import client

TIMEOUT_S = 10.0
_LARGEST = 100_000  # bytes of an answer
_NAME = re.compile(r"\w[\w.-]{0,99}(/\w[\w.-]{0,99})*")


class Transit:
    """One key of the transit engine. Everything raises ``SetupProblem`` that says what to do."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        token_file: str,
        allowed: Sequence[str],
        mount: str = "transit",
        namespace: str = "",
    ) -> None:
        """``token_file``: read anew at each request, for an agent may renew what is in it."""
        self._places = _checked(url, allowed)
        if not _NAME.fullmatch(key) or not _NAME.fullmatch(mount):
            raise SetupProblem(problem="de naam van de sleutel in de Vault kan zo niet (TRANSCRIBE_VAULT_KEY).")
        if not token_file:
            raise SetupProblem(problem="wijs het bestand met het token van de Vault aan (TRANSCRIBE_VAULT_TOKEN_FILE).")
        self._base = f"{url.rstrip('/')}/v1/{mount}"
        self._key = key
        self._token_file = Path(token_file).expanduser()
        self._namespace = namespace

    def encrypt(self, plaintext: str) -> str:
        """``plaintext``: base64. Returns ``vault:v1:...``."""
        return self._asked("encrypt", "plaintext", plaintext, "ciphertext")

    def decrypt(self, ciphertext: str) -> str:
        """Base64."""
        return self._asked("decrypt", "ciphertext", ciphertext, "plaintext")

    def rewrap(self, ciphertext: str) -> str:
        """The same, sealed by the newest version of the Vault's key; it never leaves the Vault in clear."""
        return self._asked("rewrap", "ciphertext", ciphertext, "ciphertext")

    def _asked(self, act: str, name: str, value: str, wanted: str) -> str:
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        try:
            with (
                client(self._places, Purpose.VAULT, timeout=httpx.Timeout(TIMEOUT_S), headers=headers) as connection,
                connection.stream("POST", f"{self._base}/{act}/{self._key}", json={name: value}) as response,
            ):
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > _LARGEST:
                        raise SetupProblem(problem="het antwoord van de Vault is te groot.")
                status = response.status_code
        except httpx.TimeoutException:
            raise SetupProblem(
                problem="de Vault antwoordde niet op tijd. Zonder haar start de dienst niet; probeer het zo opnieuw."
            ) from None
        except httpx.HTTPError:
            raise SetupProblem(
                problem="de Vault is niet bereikbaar. Zonder haar start de dienst niet. Controleer het netwerk en "
                "TRANSCRIBE_VAULT_URL."
            ) from None
        if status != httpx.codes.OK:
            raise SetupProblem(problem=_refusal(status))
        try:
            found = json.loads(content)["data"][wanted]
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        if not isinstance(found, str) or not found:
            raise SetupProblem(
                problem="de Vault gaf een onbekend antwoord. Staat TRANSCRIBE_VAULT_URL op een Vault of OpenBao, en "
                "TRANSCRIBE_VAULT_MOUNT op haar transit-engine?"
            )
        return found

    def _token(self) -> str:
        try:
            with self._token_file.open("rb") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise SetupProblem(
                        problem=f"anderen op deze computer kunnen het token van de Vault lezen: chmod 600 "
                        f"{self._token_file}"
                    )
                token = file.read(_LARGEST).decode("ascii", errors="replace").strip()
        except OSError as problem:
            raise SetupProblem(
                problem=f"het token van de Vault is niet te lezen ({self._token_file}: {problem.strerror})."
            ) from None
        if not re.fullmatch(r"[!-~]+", token):
            raise SetupProblem(problem=f"in {self._token_file} staat geen token van de Vault.")
        return token


def _refusal(status: int) -> str:
    match status:
        case 400:
            return (
                "de Vault kan hier niets mee: de verzegelde hoofdsleutel is beschadigd of hoort bij een andere sleutel "
                "(TRANSCRIBE_VAULT_KEY)."
            )
        case 401 | 403:
            return (
                "de Vault weigert het token: het is verlopen of mag deze sleutel niet gebruiken. Vernieuw het "
                "(TRANSCRIBE_VAULT_TOKEN_FILE)."
            )
        case 404:
            return "de Vault kent deze sleutel niet. Controleer TRANSCRIBE_VAULT_KEY en TRANSCRIBE_VAULT_MOUNT."
        case 503:
            return "de Vault is verzegeld of in onderhoud. Open haar en probeer het opnieuw."
    return f"de Vault weigerde (HTTP {status})."


def _checked(url: str, allowed: Sequence[str]) -> list[Place]:
    """The one place of this address. Raises ``SetupProblem`` when it is not on the list, or leaves without https."""
    try:
        parts = urlsplit(url)
        host, port = normal(parts.hostname or ""), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise SetupProblem(problem="TRANSCRIBE_VAULT_URL is geen geldig adres (https://...).")
    port = port or (443 if parts.scheme == "https" else 80)
    if not any(place.fits(host, port) for place in allow_list(",".join(allowed), Purpose.VAULT)):
        raise SetupProblem(problem=f"{host} staat niet op de lijst van toegestane adressen (TRANSCRIBE_ALLOWED_HOSTS).")
    if parts.scheme != "https" and not this_machine(host):
        raise SetupProblem(problem=f"{host} is een andere machine: gebruik https, anders gaat de sleutel leesbaar mee.")
    return [Place(host=host, port=port, purpose=Purpose.VAULT)]
