"""The master key: made once, kept private, never shown."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring.backends.fail
import pytest

from tests.memory_keyring import MemoryKeyring
from transcribe.app import mark_mode
from transcribe.errors import SetupProblem, Unreadable
from transcribe.settings import Settings
from transcribe.store.crypto import new_key
from transcribe.store.key_places import VARIABLE
from transcribe.store.keys import DERIVED, MasterKey, load_master_key
from transcribe.store.lasting import LastingKeys, Use


def settings(data_dir: Path, where: str = "file") -> Settings:
    return Settings(data_dir=data_dir, master_key=where)  # type: ignore[arg-type]


def test_the_file_is_made_once_and_is_for_our_eyes_only(tmp_path: Path) -> None:
    data_dir = tmp_path / "a" / "data"
    made = load_master_key(settings(data_dir))
    path = data_dir / "keys" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(base64.b64decode(path.read_bytes())) == 32
    assert load_master_key(settings(data_dir)) == made
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]
    assert load_master_key(settings(tmp_path / "other")) != made


@pytest.mark.parametrize("where", ["file", "keyring"])
def test_a_lost_key_is_never_replaced_by_a_new_one(tmp_path: Path, use_keyring, where: str) -> None:
    """A new one fits nothing that is there, and hides that the old one has to come back."""
    kept = MemoryKeyring()
    use_keyring(kept)
    used = settings(tmp_path, where)
    made = load_master_key(used)
    mark_mode(used)
    assert load_master_key(used) == made
    (tmp_path / "keys" / "master.key").unlink(missing_ok=True)
    kept.kept.clear()
    with pytest.raises(SetupProblem, match=r"hoofdsleutel.*ontbreekt.*TRANSCRIBE_MASTER_KEY_FROM"):
        load_master_key(used)
    assert not (tmp_path / "keys" / "master.key").exists()
    assert kept.kept == {}


@pytest.mark.parametrize("where", ["file", "keyring"])
def test_who_only_reads_makes_no_key(tmp_path: Path, use_keyring, where: str) -> None:
    kept = MemoryKeyring()
    use_keyring(kept)
    with pytest.raises(SetupProblem, match="ontbreekt"):
        load_master_key(settings(tmp_path / "data", where), make=False)
    assert not (tmp_path / "data").exists()
    assert kept.kept == {}


def test_many_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_master_key(settings(tmp_path)), range(16)))
    assert len({key.id for key in keys}) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    load_master_key(settings(tmp_path))
    path = tmp_path / "keys" / "master.key"
    path.chmod(mode)
    with pytest.raises(SetupProblem, match=f"chmod 600 {path}"):
        load_master_key(settings(tmp_path))


@pytest.mark.parametrize("content", [b"", b"abc", base64.b64encode(bytes(31)), b"niet base64!", bytes(32)])
def test_a_file_without_a_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    load_master_key(settings(tmp_path))
    path = tmp_path / "keys" / "master.key"
    path.write_bytes(content)
    with pytest.raises(SetupProblem, match="back-up") as told:
        load_master_key(settings(tmp_path))
    assert path.read_bytes() == content
    assert not content or content.decode("latin-1") not in str(told.value)


def test_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_key()
    monkeypatch.setenv(VARIABLE, base64.b64encode(secret).decode())
    assert load_master_key(settings(tmp_path, "env")) == MasterKey.of(secret)
    for wrong in ("", "abc", base64.b64encode(bytes(16)).decode()):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(SetupProblem, match=VARIABLE):
            load_master_key(settings(tmp_path, "env"))
    assert not (tmp_path / "keys").exists()


def test_from_the_keyring(tmp_path: Path, use_keyring) -> None:
    use_keyring(MemoryKeyring())
    made = load_master_key(settings(tmp_path, "keyring"))
    assert load_master_key(settings(tmp_path, "keyring")) == made
    assert load_master_key(settings(tmp_path / "other", "keyring")) != made
    assert not (tmp_path / "keys").exists()


def test_without_a_usable_keyring_it_says_what_to_do(tmp_path: Path, use_keyring) -> None:
    for unusable in (keyring.backends.fail.Keyring(), MemoryKeyring(forgets=True)):
        use_keyring(unusable)
        with pytest.raises(SetupProblem, match="TRANSCRIBE_MASTER_KEY_FROM=file"):
            load_master_key(settings(tmp_path, "keyring"))


def test_a_wrapped_key_opens_with_its_master_and_its_name_only() -> None:
    master, data_key = MasterKey.of(new_key()), new_key()
    wrapped = master.wrap(data_key, "consult/bron")
    assert data_key not in wrapped
    assert master.unwrap(wrapped, "consult/bron") == data_key
    with pytest.raises(Unreadable):
        master.unwrap(wrapped, "consult/verslag")
    with pytest.raises(Unreadable):
        MasterKey.of(new_key()).unwrap(wrapped, "consult/bron")


def lasting() -> LastingKeys:
    return LastingKeys(_keys={use: new_key() for use in Use})


def test_a_pseudonym_finds_a_reference_back_and_tells_nothing() -> None:
    keys = lasting()
    assert keys.pseudonym("AB 123") == keys.pseudonym(" ab123 ")
    assert keys.pseudonym("AB 123") != keys.pseudonym("AB 124")
    assert lasting().pseudonym("AB 123") != keys.pseudonym("AB 123")
    assert len(keys.pseudonym("")) == 32
    assert keys.pseudonym("AB 123") != keys.fingerprint("ab123")


def test_a_replaced_key_opens_files_of_before_and_seals_nothing() -> None:
    old, new, data_key = MasterKey.of(new_key()), MasterKey.of(new_key()), new_key()
    wrapped = old.wrap(data_key, "file")
    assert not new.opens(old.id)
    successor = new.after({old.id: old.handed_on()})
    assert successor.opens(old.id)
    assert successor.opens(new.id)
    assert successor.unwrap_file(wrapped, "file", old.id) == data_key
    with pytest.raises(Unreadable):
        successor.unwrap(wrapped, "file")
    with pytest.raises(Unreadable):
        successor.unwrap_file(wrapped, "another", old.id)
    with pytest.raises(Unreadable):
        old.unwrap(successor.wrap(data_key, "file"), "file")


def test_no_key_shows_in_what_is_printed() -> None:
    secret = os.urandom(32)
    master = MasterKey.of(secret).after({"ab": secret})
    for shown in (repr(master), repr(lasting())):
        assert "_wrapping" not in shown
        assert "_before" not in shown
        assert "_derived" not in shown
        assert "_keys" not in shown
    assert master.id in repr(master)
    assert all(repr(master.derived(use)) not in repr(master) for use in DERIVED)


def test_a_master_key_is_32_bytes() -> None:
    with pytest.raises(ValueError):
        MasterKey.of(b"short")
