"""A language model behind an OpenAI-compatible server on the allow-list: vLLM, llama.cpp, Ollama and others.

The only place from which anything of a consult goes to another process. The host must have been named by the
administrator; anything but this machine needs https; no proxy of the environment is used and no redirect is followed:
``outbound_client`` sees to that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

import httpx

from transcribe.errors import SetupProblem
from transcribe.outbound import Place, Purpose, allow_list, normal, this_machine
from transcribe.outbound_client import client
from transcribe.soep.language_model import ModelFailed
from transcribe.soep.prompting import Message

LARGEST = 1_000_000  # bytes of an answer
CHARACTERS_A_TOKEN = 2.5  # Dutch has 3 to 4; rather too many tokens than too few


class ServerModel:
    """``LanguageModel`` over HTTP.

    ``url``: up to and including ``/v1``. ``allowed``: the allow-list, entries as ``host`` or ``host:port``. Raises
    ``SetupProblem`` when the host is not on it, or is another machine without https.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        allowed: Collection[str],
        api_key: str = "",
        context_tokens: int = 16_384,
        timeout_s: float = 300.0,
    ) -> None:
        self._places = check_allowed(url, allowed)
        self._model = model
        self._url = url.rstrip("/") + "/chat/completions"
        self._told = ""  # the version the server named last
        self.context_tokens = context_tokens
        self._timeout = httpx.Timeout(timeout_s, connect=10.0)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    @property
    def name(self) -> str:
        """The model asked for, and what the server says it is. Without a version of the server's it names none."""
        return f"{self._model} ({self._told})" if self._told else self._model

    def count(self, text: str) -> int:
        return int(len(text) / CHARACTERS_A_TOKEN) + 1

    def complete(self, asked: Sequence[Message], schema: Mapping[str, object], *, most_tokens: int) -> str:
        body = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.text} for message in asked],
            "temperature": 0,
            "seed": 0,
            "max_tokens": most_tokens,
            "stream": False,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "soep", "strict": True, "schema": dict(schema)},
            },
        }
        reply = self._sent(body)
        try:
            choice = reply["choices"][0]  # type: ignore[index]
            answer, ended = choice["message"]["content"], choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelFailed("de taalmodelserver gaf een onbekend antwoord") from error
        if not isinstance(answer, str) or ended != "stop":
            raise ModelFailed("het taalmodel kwam niet tot een heel antwoord")
        self._told = _version(reply, self._model)
        return answer

    def _sent(self, body: Mapping[str, object]) -> object:
        """The reply as JSON. What went wrong is said without the address's answer: that could repeat the talk."""
        try:
            with (
                client(
                    self._places, Purpose.LANGUAGE_MODEL, timeout=self._timeout, headers=self._headers
                ) as connection,
                connection.stream("POST", self._url, json=body) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise ModelFailed(f"de taalmodelserver weigerde (HTTP {response.status_code})")
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise ModelFailed("het antwoord van de taalmodelserver is te groot")
            return json.loads(content)
        except httpx.TimeoutException:
            raise ModelFailed("de taalmodelserver antwoordde niet op tijd") from None
        except httpx.HTTPError:
            raise ModelFailed("de taalmodelserver is niet bereikbaar") from None
        except (ValueError, RecursionError):
            raise ModelFailed("de taalmodelserver gaf een onbekend antwoord") from None


def _version(reply: object, asked: str) -> str:
    """What the server says of itself, when it fits on a label; the name that was asked for says nothing new."""
    fields = (reply.get("model"), reply.get("system_fingerprint")) if isinstance(reply, dict) else ()
    fit = (f for f in fields if isinstance(f, str) and f != asked and re.fullmatch(r"[\w./:@+-]{1,80}", f))
    return " ".join(fit)


def check_allowed(url: str, allowed: Collection[str]) -> list[Place]:
    """The places that may be used for what was said in a consult: the one of this address.

    Raises ``SetupProblem`` when that is not on the list, or is another machine without https.
    """
    try:
        parts = urlsplit(url)
        host, port = normal(parts.hostname or ""), parts.port
    except ValueError as error:
        raise SetupProblem(problem="het adres van de taalmodelserver is geen geldige URL.") from error
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise SetupProblem(problem="het adres van de taalmodelserver is geen geldige URL.")
    port = port or (443 if parts.scheme == "https" else 80)
    if not any(place.fits(host, port) for place in allow_list(",".join(allowed), Purpose.LANGUAGE_MODEL)):
        raise SetupProblem(problem=f"{host} staat niet op de lijst van toegestane adressen (TRANSCRIBE_ALLOWED_HOSTS).")
    if parts.scheme != "https" and not this_machine(host):
        raise SetupProblem(
            problem=f"{host} is een andere machine: gebruik https, anders gaat het gesprek leesbaar mee."
        )
    return [Place(host=host, port=port, purpose=Purpose.LANGUAGE_MODEL)]
