"""What the command line says when something it was given is wrong: in Dutch, with a name and with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from transcribe.__main__ import EXIT_FAILED, EXIT_SETUP, EXIT_USAGE, cli, friendly
from transcribe.settings import Settings
from transcribe.store.keys import load_master_key


def said(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, arguments, env=environment)
    return done.exit_code, " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "--role", "db"), "--role: kies uit 'web', 'worker'."),
        (("serve", "--lane", "snel"), "--lane: kies uit 'live', 'batch'."),
        (("serve", "--port", "abc"), "--port ontbreekt of kan zo niet."),
        (("serve", "--workers", "0"), "--workers ontbreekt of kan zo niet."),
        (("models", "pull"), "name ontbreekt of kan zo niet."),
        (("backup", "verify"), "file ontbreekt of kan zo niet."),
    ],
)
def test_a_wrong_option_is_named_in_dutch(arguments: tuple[str, ...], sentence: str) -> None:
    code, told = said(*arguments)
    assert code == EXIT_USAGE
    assert sentence in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "99999", "port (hoogstens 65535)"),
        ("PORT", "-1", "port (minstens 0)"),
        ("PORT", "abc", "port (een getal)"),
        ("LOG_FORMAT", "xml-geheim", "log_format (text, json)"),
        ("METRICS_TOKEN", "te-kort", "metrics_token (20 tekens of meer, zonder spaties)"),
        ("HIS_SECRET", "te-kort", "his_secret (32 tekens of meer, zonder spaties)"),
        ("USER_ROLE", "systeem", "user_role (huisarts, waarnemer, poh of assistente)"),
        ("DEMO", "misschien", "demo (0 of 1)"),
        ("PRACTICE", "a/b", "practice (hoogstens 60"),
    ],
)
def test_a_wrong_setting_is_told_with_what_it_may_be(name: str, value: str, told: str, tmp_path: Path) -> None:
    code, sentence = said("status", "--data-dir", str(tmp_path), **{f"TRANSCRIBE_{name}": value})
    assert code == EXIT_SETUP
    assert told in sentence
    assert value not in sentence, "it could be a password"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOENT, "is er niet"),
        (errno.EACCES, "Controleer de rechten"),
        (errno.EROFS, "alleen te lezen"),
        (errno.EISDIR, "is een map"),
        (errno.EIO, "is niet te lezen of te schrijven (EIO)"),
    ],
)
def test_a_file_is_named_and_the_reason_is_dutch(code: int, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, friendly():
        raise OSError(code, os.strerror(code), "/mnt/schijf/praktijk.backup")
    told = capsys.readouterr().err
    assert ended.value.exit_code == EXIT_FAILED
    assert told.startswith("/mnt/schijf/praktijk.backup ")
    assert sentence in told
    assert os.strerror(code) not in told


def test_a_backup_that_is_not_there_is_named(tmp_path: Path) -> None:
    load_master_key(Settings(data_dir=tmp_path / "data"))
    file = tmp_path / "een.backup"
    code, told = said("backup", "verify", str(file), "--data-dir", str(tmp_path / "data"))
    assert code == EXIT_FAILED
    assert f"De sleutelkopie {tmp_path / 'sleutels.kopie'} is er niet" in told
