"""Logging in at a provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636), as RFC 9700 wants it.

Who comes back is known by one claim (the number at Dezi, a UZI number, "sub"), which stands with the account; nobody
gets an account by being known elsewhere. How sure the provider must be (two factors, eIDAS high) can be asked for.

Nothing is kept between going and coming: state, nonce and verifier are made of a random value in a cookie, by a key
that never leaves the service. So it does not matter which process the person comes back to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from transcribe.errors import N_, Refused, SetupProblem, TranscribeError
from transcribe.outbound import Place, Purpose, allow_list, normal, this_machine
from transcribe.outbound_client import client
from transcribe.settings import Settings

#: From going to coming back.
ON_THE_WAY = timedelta(minutes=10)
#: Clocks that differ.
LEEWAY_S = 60
#: What a provider says of itself is asked for again after so long.
KEPT = timedelta(hours=1)
#: One that did not answer is left alone for so long: whoever asks for the page again and again keeps nobody waiting.
AWAY_FOR = timedelta(seconds=5)
#: Keys that are not known yet are asked for at most so often.
KEYS_EVERY = timedelta(minutes=1)
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
WRAPPING = (
    "RSA-OAEP",
    "RSA-OAEP-256",
    "ECDH-ES",
    "ECDH-ES+A256KW",
    "A128GCM",
    "A256GCM",
    "A128CBC-HS256",
    "A256CBC-HS512",
)
#: More than any provider says of one person.
MOST_BYTES = 256 * 1024
TIMEOUT_S = 10.0
INCOMPLETE = "TRANSCRIBE_OIDC_ISSUER vraagt ook TRANSCRIBE_OIDC_CLIENT_ID en TRANSCRIBE_OIDC_NAME. Vul ze in."
IN_CLEAR = "TRANSCRIBE_OIDC_ISSUER moet met https:// beginnen: wie meeluistert, logt anders in als uw arts."
NO_KEY = "in TRANSCRIBE_OIDC_KEY_FILE staat geen leesbare geheime sleutel (PEM, RSA of EC)."
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Which claim says what; "" for what this provider does not say."""

    person: str = "sub"
    level: str = "acr"
    role: str = ""  # a role code of the UZI register: 01.015 is a huisarts
    practice: str = ""  # URA: the number of the care provider


#: Of Dezi's "verklaring" (json_schema https://www.dezi.nl/json_schemas/v1/verklaring.json, interface 0.7, 2025-12-15).
DEZI = Claims(person="dezi_nummer", level="loa_dezi", role="rol_code", practice="abonnee_nummer")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the practice and the provider agreed on."""

    name: str  # as people call it, on the button
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scope: str = "openid"
    claims: Claims = Claims()
    level: str = ""  # the least that is enough, as the provider writes it; "": whatever it took
    practice: str = ""  # what the claim of the practice must say; "": anything
    key: RSAKey | ECKey | None = field(default=None, repr=False)  # for what it encrypts for us


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the provider says of whoever came back."""

    person: str
    role: str = ""


class ProviderAway(TranscribeError):
    text = N_("{name} is nu niet te bereiken. Log in met uw wachtwoord, of probeer het straks opnieuw.")


class NotProven(Refused):
    """Of all that can be wrong with an answer; which of them is no business of whoever made it up."""

    text = N_("Het inloggen met {name} is niet gelukt of duurde te lang. Begin opnieuw.")


class TooLow(Refused):
    text = N_(
        "U bent bij {name} ingelogd met te weinig zekerheid. Log daar in met het middel dat uw praktijk voorschrijft."
    )


class OtherPractice(Refused):
    text = N_("U bent bij {name} ingelogd voor een andere praktijk. Kies daar deze praktijk.")


def provider_of(settings: Settings, keyed: Callable[[str], bytes]) -> Provider | None:
    """The one that these settings name; None when they name none. Raises ``SetupProblem``."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id or not settings.oidc_name:
        raise SetupProblem(problem=INCOMPLETE)
    if urlsplit(settings.oidc_issuer).scheme != "https" and not this_machine(
        urlsplit(settings.oidc_issuer).hostname or ""
    ):
        raise SetupProblem(problem=IN_CLEAR)
    usual = DEZI if settings.oidc_claims == "dezi" else Claims()
    registration = Registration(
        name=settings.oidc_name,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scope=settings.oidc_scope,
        claims=Claims(
            person=settings.oidc_claim_person or usual.person,
            level=settings.oidc_claim_level or usual.level,
            role=settings.oidc_claim_role or usual.role,
            practice=settings.oidc_claim_practice or usual.practice,
        ),
        level=settings.oidc_level,
        practice=settings.oidc_practice,
        key=_key_in(settings.oidc_key_file) if settings.oidc_key_file else None,
    )
    places = allow_list(settings.allowed_hosts, Purpose.LOGIN)
    if this_machine(urlsplit(settings.oidc_issuer).hostname or ""):
        places = [
            *places,
            Place(host=normal(urlsplit(settings.oidc_issuer).hostname or ""), port=None, purpose=Purpose.LOGIN),
        ]
    timeout = httpx.Timeout(TIMEOUT_S)
    return Provider(registration, connect=lambda: client(places, Purpose.LOGIN, timeout=timeout), keyed=keyed)


def _key_in(file: Path) -> RSAKey | ECKey:
    try:
        pem = file.read_bytes()
    except OSError as wrong:
        raise SetupProblem(problem=NO_KEY) from wrong
    for kind in (RSAKey, ECKey):
        with suppress(JoseError, ValueError, TypeError):
            found = kind.import_key(pem)
            if found.is_private:
                return found
    raise SetupProblem(problem=NO_KEY)


class Provider:
    """Thread-safe."""

    def __init__(
        self,
        registration: Registration,
        *,
        connect: Callable[[], httpx.Client],
        keyed: Callable[[str], bytes],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``connect``: a client that reaches the provider and nothing else. ``keyed``: 32 bytes that nobody else can
        make of a text.
        """
        self._known = registration
        self._connect = connect
        self._keyed = keyed
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None
        self._away: datetime | None = None

    @property
    def name(self) -> str:
        return self._known.name

    def begin(self, redirect_uri: str, page: str) -> tuple[str, str]:
        """Where the browser goes, and the cookie by which it is known when it comes back to go on to ``page``.

        Raises ``ProviderAway``.
        """
        head = f"{secrets.token_urlsafe(32)}.{int(self._clock().timestamp())}.{_packed(page.encode())}"
        challenge = _packed(hashlib.sha256(self._made("verifier", head).encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._known.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._known.scope,
            "state": self._made("state", head),
            "nonce": self._made("nonce", head),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self._known.level and self._known.claims.level == "acr":
            asked["acr_values"] = self._known.level
        with self._connect() as client:
            to = self._endpoint(client, "authorization_endpoint")
        return f"{to}{'&' if '?' in to else '?'}{urlencode(asked)}", f"{head}.{self._made('cookie', head)}"

    def finish(self, cookie: str, came: Mapping[str, str], redirect_uri: str) -> tuple[Proof, str]:
        """``came``: the parameters with which the browser came back. Who it is, and the page to go on to.

        Raises ``NotProven``, ``TooLow``, ``OtherPractice``, ``ProviderAway``.
        """
        head, _, mark = cookie.rpartition(".")
        if not _same(mark, self._made("cookie", head)) or not _same(came.get("state", ""), self._made("state", head)):
            raise NotProven(name=self.name)
        _, began, page = head.split(".")
        if self._clock().timestamp() - int(began) > ON_THE_WAY.total_seconds():
            raise NotProven(name=self.name)
        # RFC 9207: the answer of another provider is not taken to this one
        if came.get("iss", self._known.issuer) != self._known.issuer or not came.get("code"):
            raise NotProven(name=self.name)
        with self._connect() as client:
            claims = self._claims(client, head, came["code"], redirect_uri)
        return self._proof(claims), _unpacked(page).decode()

    def _proof(self, claims: Mapping[str, Any]) -> Proof:
        wanted = self._known.claims
        person = str(claims.get(wanted.person) or "")
        if not person:
            raise NotProven(name=self.name)
        if self._known.level and claims.get(wanted.level) != self._known.level:
            raise TooLow(name=self.name)
        if self._known.practice and str(claims.get(wanted.practice)) != self._known.practice:
            raise OtherPractice(name=self.name)
        return Proof(person=person, role=str(claims.get(wanted.role) or "") if wanted.role else "")

    # --- what the provider says ------------------------------------------------------------------------------------

    def _claims(self, client: httpx.Client, head: str, code: str, redirect_uri: str) -> dict[str, Any]:
        """Of the ID token, which is checked, and with them those of the UserInfo endpoint."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._known.client_id,
            "code_verifier": self._made("verifier", head),
        }
        ours = httpx.BasicAuth(_form_quoted(self._known.client_id), _form_quoted(self._known.client_secret))
        answer = self._asked(
            client,
            "POST",
            self._endpoint(client, "token_endpoint"),
            data=form,
            auth=ours if self._known.client_secret else None,
        )
        tokens = self._parsed(answer)
        said = self._signed(client, str(tokens.get("id_token") or ""))
        self._check(said, nonce=self._made("nonce", head))
        if self._known.claims.person in said or not self._read(client).get("userinfo_endpoint"):
            return said
        more = self._user(client, str(tokens.get("access_token") or ""), said["sub"])
        return more | said  # what is signed for this log-in goes before

    def _check(self, said: dict[str, Any], *, nonce: str) -> None:
        """OpenID Connect Core 3.1.3.7."""
        asked = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._known.issuer},
            aud={"essential": True, "value": self._known.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            asked.validate(said)
        except (JoseError, ValueError, TypeError) as wrong:
            raise NotProven(name=self.name) from wrong
        several = isinstance(said["aud"], list) and len(said["aud"]) > 1
        if said.get("azp", None if several else self._known.client_id) != self._known.client_id:
            raise NotProven(name=self.name)

    def _user(self, client: httpx.Client, token: str, subject: str) -> dict[str, Any]:
        """UserInfo: JSON, or signed, or signed and encrypted for us (Dezi). Of somebody else it is refused."""
        answer = self._asked(
            client, "GET", self._endpoint(client, "userinfo_endpoint"), headers={"Authorization": f"Bearer {token}"}
        )
        if "jwt" not in answer.headers.get("content-type", ""):
            said = self._parsed(answer)
            if said.get("sub") != subject:
                raise NotProven(name=self.name)
            return said
        text = answer.text.strip()
        if text.count(".") == 4:
            text = self._opened(text)
        said = self._signed(client, text)
        now = self._clock().timestamp()
        late = said.get("exp", now) < now - LEEWAY_S or said.get("nbf", now) > now + LEEWAY_S
        if late or said.get("sub", subject) != subject or said.get("iss", self._known.issuer) != self._known.issuer:
            raise NotProven(name=self.name)
        return said

    def _opened(self, text: str) -> str:
        if self._known.key is None:
            raise NotProven(name=self.name)
        try:
            opened = jwe.decrypt_compact(text, self._known.key, algorithms=list(WRAPPING)).plaintext
        except (JoseError, ValueError) as wrong:
            raise NotProven(name=self.name) from wrong
        return (opened or b"").decode("ascii", "replace")

    def _signed(self, client: httpx.Client, token: str) -> dict[str, Any]:
        """The claims of a token that the provider signed; with new keys when it uses one that we don't know."""
        for fresh in (False, True):
            with suppress(JoseError, ValueError, TypeError, KeyError):
                return dict(jwt.decode(token, self._key_set(client, fresh=fresh), algorithms=list(SIGNATURES)).claims)
        raise NotProven(name=self.name)

    def _key_set(self, client: httpx.Client, *, fresh: bool) -> KeySet:
        now = self._clock()
        with self._lock:
            kept = self._keys
        age = now - kept[0] if kept else KEPT
        if kept and age < (KEYS_EVERY if fresh else KEPT):
            return kept[1]
        found = self._parsed(self._asked(client, "GET", self._endpoint(client, "jwks_uri")))
        try:
            keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # what it holds is looked at there
        except (JoseError, ValueError, TypeError, KeyError) as wrong:
            raise ProviderAway(name=self.name) from wrong
        with self._lock:
            self._keys = now, keys
        return keys

    def _read(self, client: httpx.Client) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0)."""
        now = self._clock()
        with self._lock:
            kept = self._metadata
            away = self._away
        if kept and now - kept[0] < KEPT:
            return kept[1]
        if away and now - away < AWAY_FOR:
            raise ProviderAway(name=self.name)
        try:
            found = self._parsed(self._asked(client, "GET", self._known.issuer.rstrip("/") + WELL_KNOWN))
            if found.get("issuer") != self._known.issuer:
                raise ProviderAway(name=self.name)
        except ProviderAway:
            with self._lock:
                self._away = now
            raise
        with self._lock:
            self._metadata = now, found
        return found

    def _endpoint(self, client: httpx.Client, name: str) -> str:
        found = self._read(client).get(name)
        if not isinstance(found, str):
            raise ProviderAway(name=self.name)
        return found

    def _asked(self, client: httpx.Client, method: str, url: str, **given: Any) -> httpx.Response:
        try:
            with client.stream(method, url, **given) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise ProviderAway(name=self.name)
        except (httpx.HTTPError, httpx.InvalidURL, PermissionError) as away:
            raise ProviderAway(name=self.name) from away
        if answer.status_code in {400, 401, 403}:  # an old code, another verifier
            raise NotProven(name=self.name)
        if answer.status_code != 200:
            raise ProviderAway(name=self.name)
        return httpx.Response(200, headers={"content-type": answer.headers.get("content-type", "")}, content=body)

    def _parsed(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            found = json.loads(answer.content)
        except ValueError as wrong:
            raise ProviderAway(name=self.name) from wrong
        if not isinstance(found, dict):
            raise ProviderAway(name=self.name)
        return found

    def _made(self, what: str, head: str) -> str:
        return _packed(self._keyed(f"log-in elsewhere: {what} {head}"))


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _form_quoted(text: str) -> str:
    """RFC 6749, 2.3.1: in the header it is written as in a form."""
    return urlencode({"": text})[1:]
