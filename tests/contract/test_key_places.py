"""Every place of a master key keeps it, keeps the next one beside it, and lets that take over in one step."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.memory_keyring import MemoryKeyring
from tests.vault_server import run_vault
from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store import vault
from transcribe.store.crypto import new_key
from transcribe.store.key_places import NEXT_VARIABLE, VARIABLE, KeyPlace, VaultPlace, place_of
from transcribe.store.keys import load_master_key
from transcribe.store.vault import Transit


@pytest.fixture(scope="module")
def vault_url() -> Iterator[str]:
    with run_vault() as url:
        yield url


@pytest.fixture
def well(vault_url: str) -> Iterator[Callable[[str], None]]:
    def behave(mode: str) -> None:
        httpx.put(f"{vault_url}/v1/test/{mode}")

    yield behave
    behave("")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to keep a key. ``give``: what an administrator does where we may not."""

    settings: Settings
    give: Callable[[bytes, bool], None] = field(default=lambda key, following: None)

    def place(self) -> KeyPlace:
        """As another process finds it."""
        return place_of(self.settings)


@pytest.fixture(params=["file", "keyring", "env", "vault"])
def kind(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_keyring, vault_url: str) -> Kind:
    use_keyring(MemoryKeyring())
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(NEXT_VARIABLE, raising=False)
    if request.param == "vault":
        return Kind(settings=vault_settings(tmp_path, vault_url))
    if request.param == "env":

        def give(key: bytes, following: bool) -> None:
            monkeypatch.setenv(NEXT_VARIABLE if following else VARIABLE, base64.b64encode(key).decode())

        return Kind(settings=Settings(data_dir=tmp_path, master_key="env"), give=give)
    return Kind(settings=Settings(data_dir=tmp_path / "data", master_key=request.param))


def vault_settings(folder: Path, url: str, token: str = "s.scribe", **more: str) -> Settings:
    file = folder / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)
    given = {"vault_url": url, "vault_token_file": str(file), "allowed_hosts": "127.0.0.1", **more}
    return Settings(data_dir=folder / "data", master_key="vault", **given)  # type: ignore[arg-type]


def test_a_key_is_kept_and_found_by_the_next_process(kind: Kind) -> None:
    key = new_key()
    assert kind.place().read() is None
    kind.give(key, False)
    if kind.settings.master_key != "env":
        assert kind.place().keep_first(key) == key
    assert kind.place().read() == key
    assert kind.place().read_next() is None
    assert kind.place().missing
    assert load_master_key(kind.settings, make=False) == load_master_key(kind.settings)


def test_the_next_key_waits_beside_it_and_takes_over(kind: Kind) -> None:
    first, following = new_key(), new_key()
    kind.give(first, False)
    if kind.settings.master_key != "env":
        kind.place().keep_first(first)
    kind.place().promote()  # nothing to promote is fine
    assert kind.place().read() == first
    kind.give(following, True)
    if kind.settings.master_key != "env":
        assert kind.place().keep_next(following) == following
        assert kind.place().keep_next(following) == following, "asked again after a crash"
    assert (kind.place().read(), kind.place().read_next()) == (first, following)
    kind.place().promote()
    if kind.settings.master_key == "env":
        assert VARIABLE in kind.place().to_do
        return
    assert (kind.place().read(), kind.place().read_next()) == (following, None)
    kind.place().promote()
    assert kind.place().read() == following


def test_where_there_is_none_it_says_what_to_do(kind: Kind) -> None:
    with pytest.raises(SetupProblem, match="hoofdsleutel"):
        load_master_key(kind.settings, make=False)


def test_an_administrator_makes_the_next_key_where_we_can_not(kind: Kind) -> None:
    if kind.settings.master_key == "env":
        with pytest.raises(SetupProblem, match=NEXT_VARIABLE):
            kind.place().keep_next(new_key())


# -- only of a Vault -----------------------------------------------------------------------------------------------


def test_no_key_lies_in_clear_where_a_vault_seals_it(tmp_path: Path, vault_url: str) -> None:
    settings = vault_settings(tmp_path, vault_url)
    place = place_of(settings)
    secret = place.keep_first(new_key())
    (file,) = (settings.data_dir / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("vault:v")
    assert secret not in file.read_bytes()
    assert base64.b64encode(secret) not in file.read_bytes()


def test_the_newest_key_of_the_vault_seals_it_anew(tmp_path: Path, vault_url: str) -> None:
    settings = vault_settings(tmp_path, vault_url)
    place = place_of(settings)
    assert isinstance(place, VaultPlace)
    with pytest.raises(SetupProblem, match="ontbreekt"):
        place.reseal()
    secret = place.keep_first(new_key())
    file = settings.data_dir / "keys" / "master.vault"
    before = file.read_text()
    assert place.reseal() is False
    root = {"X-Vault-Token": "s.root"}
    httpx.post(f"{vault_url}/v1/transit/keys/transcribe/rotate", headers=root, json={}).raise_for_status()
    assert place.read() == secret, "what an earlier version sealed is still opened"
    assert place.reseal() is True
    assert file.read_text().split(":")[1] != before.split(":")[1]
    assert place.read() == secret
    place.keep_next(new_key())
    httpx.post(f"{vault_url}/v1/transit/keys/transcribe/rotate", headers=root, json={}).raise_for_status()
    with pytest.raises(SetupProblem, match="keys rotate"):
        place.reseal()
    assert place.read() == secret


def test_a_namespace_goes_along(tmp_path: Path, vault_url: str) -> None:
    place_of(vault_settings(tmp_path, vault_url, vault_namespace="zorggroep")).keep_first(new_key())
    assert httpx.get(f"{vault_url}/v1/test/seen").json()["data"][-1]["namespace"] == "zorggroep"


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("sealed", "verzegeld of in onderhoud"),
        ("slow", "niet op tijd"),
        ("redirect", "HTTP 307"),
        ("html", "onbekend antwoord"),
        ("empty", "onbekend antwoord"),
        ("large", "te groot"),
    ],
)
def test_a_vault_that_does_not_work_is_named(
    tmp_path: Path, vault_url: str, well, monkeypatch: pytest.MonkeyPatch, mode: str, told: str
) -> None:
    place = place_of(vault_settings(tmp_path, vault_url))
    place.keep_first(new_key())
    monkeypatch.setattr(vault, "TIMEOUT_S", 0.5)
    well(mode)
    with pytest.raises(SetupProblem, match=told):
        place.read()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"token": "s.niemand"}, "weigert het token"),
        ({"token": "s.reader"}, "weigert het token"),
        ({"token": ""}, "geen token"),
        ({"token": "twee woorden"}, "geen token"),
        ({"vault_key": "bestaat-niet"}, "weigert het token"),
        ({"vault_mount": "elders"}, "kent deze sleutel niet"),
        ({"vault_key": "../sys/seal"}, "naam van de sleutel"),
        ({"vault_url": "http://127.0.0.1:1"}, "niet bereikbaar"),
        ({"allowed_hosts": ""}, "TRANSCRIBE_ALLOWED_HOSTS"),
        ({"allowed_hosts": "127.0.0.1.example.org"}, "TRANSCRIBE_ALLOWED_HOSTS"),
        ({"vault_url": "http://kluis.example", "allowed_hosts": "kluis.example"}, "https"),
        ({"vault_url": "https://naam:woord@127.0.0.1"}, "geldig adres"),
        ({"vault_url": "ftp://127.0.0.1"}, "geldig adres"),
        ({"vault_url": ""}, "geldig adres"),
        ({"vault_token_file": ""}, "VAULT_TOKEN_FILE"),
        ({"vault_token_file": "/bestaat/niet"}, "niet te lezen"),
    ],
)
def test_what_is_set_wrong_is_named(tmp_path: Path, vault_url: str, more: dict[str, str], told: str) -> None:
    given = {"url": more.pop("vault_url", vault_url), **more}
    with pytest.raises(SetupProblem, match=told) as refused:
        place_of(vault_settings(tmp_path, **given)).keep_first(new_key())  # type: ignore[arg-type]
    assert "s.scribe" not in str(refused.value)


def test_others_may_not_read_the_token(tmp_path: Path, vault_url: str) -> None:
    settings = vault_settings(tmp_path, vault_url)
    (tmp_path / "token").chmod(0o640)
    with pytest.raises(SetupProblem, match="chmod 600"):
        place_of(settings).keep_first(new_key())


def test_a_sealed_key_that_was_damaged_is_not_replaced(tmp_path: Path, vault_url: str) -> None:
    settings = vault_settings(tmp_path, vault_url)
    place_of(settings).keep_first(new_key())
    file = settings.data_dir / "keys" / "master.vault"
    sealed = file.read_text().strip()
    damaged = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
    file.write_text(damaged)
    with pytest.raises(SetupProblem, match="beschadigd of hoort bij een andere sleutel") as told:
        load_master_key(settings)
    assert damaged not in str(told.value), "the server repeats what it was asked; we do not"
    assert file.read_text() == damaged


def test_a_proxy_of_the_environment_is_not_used(
    tmp_path: Path, vault_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    file = tmp_path / "token"
    file.write_text("s.scribe")
    file.chmod(0o600)
    transit = Transit(vault_url, "transcribe", token_file=str(file), allowed=["127.0.0.1"])
    key = base64.b64encode(os.urandom(32)).decode()
    assert transit.decrypt(transit.encrypt(key)) == key
