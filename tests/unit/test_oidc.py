"""What comes back from a provider is taken when all of it is right, and for nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwe, jwt
from joserfc.jwk import RSAKey

from transcribe.errors import Refused, SetupProblem
from transcribe.oidc import (
    DEZI,
    MOST_BYTES,
    NotProven,
    OtherPractice,
    Proof,
    Provider,
    ProviderAway,
    Registration,
    TooLow,
    provider_of,
)
from transcribe.settings import Settings

ISSUER = "https://inloggen.example"
BACK = "https://scribe.example/login/terug"
HIGH = "http://eidas.europa.eu/LoA/high"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@cache
def key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"} if name != "ours" else {"kid": name}, private=True)


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class House:
    """A provider that can be told to lie, and the client that must not believe it."""

    registration: Registration = field(
        default_factory=lambda: Registration(name="Dezi", issuer=ISSUER, client_id="praktijk", client_secret="s:t/x")
    )
    now: datetime = NOW
    claims: dict[str, Any] = field(default_factory=dict)  # besides those that are right; None: left out
    user: dict[str, Any] | str | None = None
    signer: str = "theirs"
    published: list[str] = field(default_factory=lambda: ["theirs"])
    algorithm: str = "RS256"
    metadata: dict[str, Any] = field(default_factory=dict)
    away: str = ""
    asked: list[httpx.Request] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)

    def provider(self) -> Provider:
        return Provider(
            self.registration,
            connect=lambda: httpx.Client(transport=httpx.MockTransport(self.answer)),
            keyed=lambda text: hmac.digest(b"dienst", text.encode(), "sha256"),
            clock=lambda: self.now,
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if self.away and path == self.away:
            raise httpx.ConnectError("away")
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={
                "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/jwks", "userinfo_endpoint": f"{ISSUER}/user",
            } | self.metadata)  # fmt: skip
        if path == "/jwks":
            return httpx.Response(200, json={"keys": [key(name).as_dict(private=False) for name in self.published]})
        if path == "/token":
            form = dict(parse_qsl(request.content.decode()))
            challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
            if packed(challenge) != self.sent["code_challenge"]:
                return httpx.Response(400, json={"error": "invalid_grant"})
            return httpx.Response(200, json={"id_token": self.token(), "access_token": "toegang"})
        if path == "/user" and request.headers["authorization"] == "Bearer toegang":
            if isinstance(self.user, str):
                return httpx.Response(200, text=self.user, headers={"content-type": "application/jwt"})
            return httpx.Response(200, json=self.user)
        return httpx.Response(404)

    def token(self) -> str:
        seconds = int(self.now.timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER, "aud": "praktijk", "sub": "s-1", "iat": seconds, "exp": seconds + 300,
            "nonce": self.sent["nonce"],
        }  # fmt: skip
        return self.signed({name: value for name, value in (claims | self.claims).items() if value is not None})

    def signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm in {"none", "HS256"}:  # by hand: the library makes neither
            text = ".".join(packed(json.dumps(part).encode()) for part in ({"alg": self.algorithm}, claims))
            mark = hmac.digest(key("theirs").as_pem(private=False), text.encode(), "sha256")
            return f"{text}.{packed(mark) if self.algorithm == 'HS256' else ''}"
        header = {"alg": self.algorithm, "kid": self.signer}
        return jwt.encode(header, claims, key(self.signer), algorithms=[self.algorithm])

    def goes(self, provider: Provider, page: str = "/") -> str:
        """Begins; the cookie."""
        address, cookie = provider.begin(BACK, page)
        self.sent = dict(parse_qsl(urlsplit(address).query))
        return cookie

    def comes(self, **changes: str) -> dict[str, str]:
        return {"code": "c-1", "state": self.sent["state"]} | changes

    def through(self) -> Proof:
        provider = self.provider()
        cookie = self.goes(provider)
        return provider.finish(cookie, self.comes(), BACK)[0]


@pytest.fixture
def house() -> House:
    return House()


def test_who_comes_back_is_who_the_provider_says(house: House) -> None:
    provider = house.provider()
    cookie = house.goes(provider, "/toegangslog")
    assert house.sent["redirect_uri"] == BACK
    assert house.sent["code_challenge_method"] == "S256"
    assert (house.sent["scope"], house.sent["response_type"]) == ("openid", "code")
    assert provider.finish(cookie, house.comes(), BACK) == (Proof(person="s-1"), "/toegangslog")
    token = next(one for one in house.asked if one.url.path == "/token")
    assert base64.b64decode(token.headers["authorization"].split()[1]) == b"praktijk:s%3At%2Fx"
    assert dict(parse_qs(token.content.decode()))["redirect_uri"] == [BACK]
    told = " ".join(str(one.url) for one in house.asked)
    assert "praktijk" not in told  # nothing goes along in an address but where the browser is sent


def test_another_process_finishes_it(house: House) -> None:
    cookie = house.goes(house.provider())
    assert house.provider().finish(cookie, house.comes(), BACK)[0].person == "s-1"


def test_each_time_is_another(house: House) -> None:
    provider, seen = house.provider(), []
    for _ in range(2):
        house.goes(provider)
        seen.append({house.sent[name] for name in ("state", "nonce", "code_challenge")})
    assert not seen[0] & seen[1]
    assert all(len(one) == 3 for one in seen)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elders.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["praktijk", "another"]},
        {"aud": ["praktijk", "another"], "azp": "another"},
        {"aud": None},
        {"azp": "another"},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"exp": "later"},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
    ],
)
def test_an_id_token_with_one_thing_wrong_is_nothing(house: House, claims: dict[str, Any]) -> None:
    house.claims = claims
    with pytest.raises(NotProven):
        house.through()


def test_two_audiences_are_right_when_we_are_the_one_it_is_for(house: House) -> None:
    house.claims = {"aud": ["praktijk", "another"], "azp": "praktijk"}
    assert house.through().person == "s-1"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_signature_that_anybody_can_make_is_none(house: House, algorithm: str) -> None:
    house.algorithm = algorithm
    with pytest.raises(NotProven):
        house.through()


def test_a_key_of_somebody_else_signs_nothing(house: House) -> None:
    house.signer = "stranger"
    with pytest.raises(NotProven):
        house.through()


def test_a_provider_may_change_its_keys(house: House) -> None:
    provider = house.provider()
    provider.finish(house.goes(provider), house.comes(), BACK)
    house.signer, house.published = "next", ["next"]
    house.now += timedelta(minutes=2)
    assert provider.finish(house.goes(provider), house.comes(), BACK)[0].person == "s-1"


def test_unknown_keys_are_asked_for_once_a_minute(house: House) -> None:
    """Whoever sends tokens by the hundred makes us ask nothing."""
    provider = house.provider()
    house.signer = "stranger"
    for _ in range(5):
        with pytest.raises(NotProven):
            provider.finish(house.goes(provider), house.comes(), BACK)
    assert sum(one.url.path == "/jwks" for one in house.asked) == 1


@pytest.mark.parametrize("came", [{"state": "another"}, {"state": ""}, {"code": ""}, {"iss": "https://elders.example"}])
def test_what_was_not_asked_for_here_is_refused(house: House, came: dict[str, str]) -> None:
    provider = house.provider()
    cookie = house.goes(provider)
    with pytest.raises(NotProven):
        provider.finish(cookie, house.comes(**came), BACK)
    assert all(one.url.path != "/token" for one in house.asked)


def test_the_answer_of_another_browser_is_refused(house: House) -> None:
    """An attacker begins, and has the doctor's browser come back: she would work in his account."""
    provider = house.provider()
    hers = house.goes(provider)
    house.goes(provider)
    for cookie in (hers, "", "x", "a.b.c.d", hers + "x", f"{hers.rpartition('.')[0]}."):
        with pytest.raises(NotProven):
            provider.finish(cookie, house.comes(), BACK)


def test_a_page_can_not_be_written_into_the_cookie(house: House) -> None:
    provider = house.provider()
    random, began, _, mark = house.goes(provider).split(".")
    page = packed(b"https://elders.example")
    with pytest.raises(NotProven):
        provider.finish(f"{random}.{began}.{page}.{mark}", house.comes(), BACK)


def test_it_takes_ten_minutes_at_most(house: House) -> None:
    provider = house.provider()
    cookie = house.goes(provider)
    house.now += timedelta(minutes=10, seconds=1)
    with pytest.raises(NotProven):
        provider.finish(cookie, house.comes(), BACK)


# --- how sure, which practice, which role --------------------------------------------------------------------------


@pytest.mark.parametrize("claims", [{"acr": "laag"}, {}, {"acr": [HIGH]}])
def test_less_than_the_level_that_is_asked_for_is_too_low(house: House, claims: dict[str, Any]) -> None:
    house.registration, house.claims = replace(house.registration, level=HIGH), claims
    with pytest.raises(TooLow):
        house.through()
    house.claims = {"acr": HIGH}
    assert house.through().person == "s-1"
    assert house.sent["acr_values"] == HIGH


def dezi(house: House, **changes: Any) -> None:
    """As Dezi: the person, the role and the practice in a signed statement, encrypted for us."""
    house.registration = replace(house.registration, claims=DEZI, level=HIGH, practice="90000001", key=key("ours"))
    seconds = int(house.now.timestamp())
    statement = {
        "jti": "v-1", "iss": ISSUER, "nbf": seconds, "exp": seconds + 3600, "loa_dezi": HIGH,
        "dezi_nummer": "900012345",
        "abonnee_nummer": "90000001", "rol_code": "01.015", "verklaring_id": "v-1",
    } | changes  # fmt: skip
    opened = house.signed(statement)
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}
    house.user = jwe.encrypt_compact(header, opened, key("ours"), algorithms=["RSA-OAEP-256", "A256GCM"])


def test_the_statement_of_dezi_is_opened_and_checked(house: House) -> None:
    dezi(house)
    assert house.through() == Proof(person="900012345", role="01.015")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"abonnee_nummer": "90000002"}, OtherPractice),
        ({"loa_dezi": "http://eidas.europa.eu/LoA/low"}, TooLow),
        ({"dezi_nummer": ""}, NotProven),
        ({"exp": int(NOW.timestamp()) - 61}, NotProven),
        ({"nbf": int(NOW.timestamp()) + 61}, NotProven),
        ({"iss": "https://elders.example"}, NotProven),
        ({"sub": "another"}, NotProven),
    ],
)
def test_a_statement_with_one_thing_wrong_is_nothing(
    house: House, changes: dict[str, Any], problem: type[Refused]
) -> None:
    dezi(house, **changes)
    with pytest.raises(problem):
        house.through()


def test_a_statement_that_somebody_else_signed_or_that_we_can_not_open_is_nothing(house: House) -> None:
    house.signer = "stranger"
    dezi(house)
    house.signer = "theirs"
    with pytest.raises(NotProven):
        house.through()
    dezi(house)
    house.registration = replace(house.registration, key=None)
    with pytest.raises(NotProven):
        house.through()


def test_what_is_said_of_somebody_else_is_refused(house: House) -> None:
    """OpenID Connect Core 5.3.2: the subject of both must be the same."""
    house.registration = replace(house.registration, claims=DEZI)
    house.user = {"sub": "s-1", "dezi_nummer": "900012345"}
    assert house.through().person == "900012345"
    house.user = {"sub": "s-2", "dezi_nummer": "900012345"}
    with pytest.raises(NotProven):
        house.through()


# --- a provider that is away or mad --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_a_provider_that_is_away_is_said_to_be(house: House, path: str) -> None:
    house.away = path
    with pytest.raises(ProviderAway):
        house.through()


def test_a_provider_that_is_away_is_asked_now_and_then(house: House) -> None:
    provider = house.provider()
    house.away = "/.well-known/openid-configuration"
    for _ in range(9):
        with pytest.raises(ProviderAway):
            provider.begin(BACK, "/")
    assert len(house.asked) == 1
    house.away = ""
    house.now += timedelta(seconds=6)
    house.goes(provider)


def test_a_provider_that_says_it_is_another_is_not_used(house: House) -> None:
    house.metadata = {"issuer": "https://elders.example"}
    with pytest.raises(ProviderAway):
        house.through()


def test_an_answer_without_end_is_not_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.answer
    house.answer = lambda request: httpx.Response(200, content=b" " * (MOST_BYTES + 1))  # type: ignore[method-assign]
    with pytest.raises(ProviderAway):
        house.through()
    house.answer = real  # type: ignore[method-assign]
    assert house.through().person == "s-1"


# --- the settings --------------------------------------------------------------------------------------------------


def settings(tmp_path: Path, **given: object) -> Settings:
    usual: dict[str, object] = {"oidc_issuer": ISSUER, "oidc_name": "Dezi", "oidc_client_id": "praktijk"}
    return Settings.model_validate({"data_dir": tmp_path} | usual | given)


Keyed = Callable[[str], bytes]


def test_the_settings_name_a_provider_or_none(tmp_path: Path) -> None:
    keyed: Keyed = str.encode
    assert provider_of(settings(tmp_path, oidc_issuer=""), keyed) is None
    found = provider_of(settings(tmp_path, oidc_claims="dezi", oidc_claim_role="functie"), keyed)
    assert found is not None
    assert found.name == "Dezi"
    with pytest.raises(ProviderAway):  # its host is not among those that may be reached
        found.begin(BACK, "/")


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_client_id": ""},
        {"oidc_name": ""},
        {"oidc_issuer": "http://inloggen.example"},
        {"oidc_key_file": "weg.pem"},
    ],
)
def test_settings_that_can_not_be_are_said_at_the_start(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(SetupProblem):
        provider_of(settings(tmp_path, **given), str.encode)


def test_our_key_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sleutel.pem"
    file.write_bytes(key("ours").as_pem(private=True))
    assert provider_of(settings(tmp_path, oidc_key_file=file), str.encode) is not None
    file.write_bytes(key("ours").as_pem(private=False))
    with pytest.raises(SetupProblem):
        provider_of(settings(tmp_path, oidc_key_file=file), str.encode)
