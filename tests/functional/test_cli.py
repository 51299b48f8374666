"""The command line as an administrator and a script meet it: Dutch messages, exit codes, nothing bypassed."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.command_line import cli
from tests.excerpts import excerpt
from transcribe.app import open_service
from transcribe.demo import CONSULTS
from transcribe.settings import Settings

RECORDING = CONSULTS / "keelpijn.ogg"
CONSENT = ["--consent", "mondeling", "--informed-by", "A. de Wit, assistente", "--others-informed"]


def test_help_is_dutch_and_english() -> None:
    assert "De scribe voor de huisarts" in cli("--help").stdout
    assert "The scribe for the" in cli("--help", LANG="en_US.UTF-8").stdout


def test_no_consent_no_processing(data_dir: Path) -> None:
    done = cli("run", RECORDING, "--ref", "P-1", "--name", "Dr. Test", "--data-dir", data_dir)
    assert done.returncode == 3
    assert "Zonder toestemming" in done.stderr


def test_others_in_the_room_must_know(data_dir: Path) -> None:
    done = cli("run", RECORDING, "--ref", "P-1", "--name", "x", *CONSENT[:-1], "--data-dir", data_dir)
    assert done.returncode == 3
    assert "Iedereen in de kamer" in done.stderr


def test_an_approval_needs_a_name(data_dir: Path) -> None:
    done = cli("run", RECORDING, "--ref", "P-1", *CONSENT, "--data-dir", data_dir)
    assert done.returncode == 3
    assert "--name" in done.stderr


def test_nobody_practises_for_the_doctor() -> None:
    done = cli("demo", "--check", "--exercise")
    assert done.returncode == 3
    assert "--check of --exercise" in done.stderr


@pytest.mark.slow
def test_the_demo_model_hears_no_real_consult(data_dir: Path) -> None:
    done = cli("run", RECORDING, "--ref", "P-1", "--name", "x", *CONSENT, "--model", "demo-nl", "--data-dir", data_dir)
    assert done.returncode == 5
    assert "demonstratiemodel" in done.stderr


@pytest.mark.slow
def test_without_a_model_a_recording_is_kept_and_waits(data_dir: Path) -> None:
    done = cli("run", RECORDING, "--ref", "P-1", "--name", "x", *CONSENT, "--data-dir", data_dir)
    assert done.returncode == 5
    assert "veilig bewaard" in done.stderr


@pytest.mark.slow
def test_run_makes_a_draft_and_does_not_show_it(demo_dir: Path, tmp_path: Path) -> None:
    recording = tmp_path / "keelpijn.wav"
    recording.write_bytes(excerpt("keelpijn", 15.0, 45.0))
    done = cli("run", recording, "--ref", "P-1", "--demo", *CONSENT, "--data-dir", demo_dir)
    assert done.returncode == 0, done.stderr
    assert "wacht" in done.stdout or "staat klaar" in done.stdout
    assert "keelpijn" not in done.stdout.replace(str(recording), "")


@pytest.mark.slow
def test_a_bad_file_has_its_own_exit_code(demo_dir: Path, tmp_path: Path) -> None:
    empty = tmp_path / "leeg.mp3"
    empty.touch()
    done = cli("run", empty, "--ref", "P-1", "--demo", *CONSENT, "--data-dir", demo_dir)
    assert done.returncode == 4
    assert "leeg" in done.stderr


def test_models_are_listed_and_verified(data_dir: Path) -> None:
    listed = cli("models", "list", "--data-dir", data_dir)
    assert "demo-nl" in listed.stdout
    assert "alleen demonstratie" in listed.stdout
    verified = cli("models", "verify", "--data-dir", data_dir)
    assert verified.returncode == 0, verified.stdout


def test_a_broken_model_is_not_added(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"not a model")
    done = cli("models", "add", tmp_path, "--name", "kapot", "--data-dir", data_dir)
    assert done.returncode == 5
    assert "kapot" not in cli("models", "list", "--data-dir", data_dir).stdout


def test_an_unknown_speaker_is_named(tmp_path: Path) -> None:
    done = cli("eval", "audio", tmp_path, "--out", tmp_path / "out", "--channels", "tandarts")
    assert done.returncode == 3
    assert "kies uit" in done.stderr


@pytest.mark.slow
def test_eval_audio_writes_transcript_and_draft(tmp_path: Path) -> None:
    (tmp_path / "one.wav").write_bytes(excerpt("keelpijn", 15.0, 45.0))
    (tmp_path / "bad.mp3").write_text("geen geluid")
    done = cli("eval", "audio", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1, "one file could not be read"
    result = json.loads((tmp_path / "out" / "one.json").read_text(encoding="utf-8"))
    assert {"speaker", "text", "start", "end"} <= set(result["transcript"]["utterances"][0])
    assert set(result["draft"]) == {"S", "O", "E", "P"}
    assert result["draft"]["S"][0]["evidence"]
    assert "dropped" in result
    assert "error" in json.loads((tmp_path / "out" / "bad.json").read_text(encoding="utf-8"))


def test_eval_draft_writes_what_the_scorer_wants(tmp_path: Path) -> None:
    (tmp_path / "consults").mkdir()
    shutil.copy(CONSULTS / "keelpijn.json", tmp_path / "consults")
    (tmp_path / "consults" / "kapot.json").write_text("{")
    done = cli("eval", "draft", tmp_path / "consults", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "kapot.json" in done.stderr
    (draft,) = (tmp_path / "out").glob("*.json")
    assert json.loads(draft.read_text(encoding="utf-8"))["P"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TRANSCRIBE_PORT": "abc"}, "port"),
        ({"TRANSCRIBE_USER_ROLE": "systeem"}, "user_role"),
        ({"TRANSCRIBE_MASTER_KEY_FROM": "kluis"}, "master_key"),
    ],
)
def test_an_impossible_setting_is_named(data_dir: Path, environment: dict[str, str], words: str) -> None:
    done = cli("serve", "--data-dir", data_dir, **environment)
    assert done.returncode == 5
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_doctor_says_what_to_do(data_dir: Path) -> None:
    done = cli("doctor", "--data-dir", data_dir)
    assert done.returncode == 5
    assert "transcribe models pull" in done.stdout
    assert cli("doctor", "--demo", "--data-dir", data_dir).returncode == 0


@pytest.mark.slow
def test_the_practices_own_icpc_table_is_taken_in(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "tabel24.csv"
    file.write_text("code;omschrijving\nR78;Acute bronchitis\nS74.01;Dermatofytose\n", encoding="cp1252")
    done = cli("icpc", "import", file, "--data-dir", data_dir)
    assert (done.returncode, done.stdout.strip()) == (0, "2 ICPC-codes overgenomen.")
    os_user = "nobody" if os.geteuid() == 0 else ""
    with open_service(Settings.from_env(data_dir=data_dir, os_user=os_user)) as service:
        assert service.preferences.codes() == {"R78": "Acute bronchitis", "S74.01": "Dermatofytose"}


def test_a_file_that_is_no_icpc_table_is_refused(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "leeg.csv"
    file.write_text("naam;bedrag\n")
    done = cli("icpc", "import", file, "--data-dir", data_dir)
    assert done.returncode == 3
    assert "Geen ICPC-tabel gevonden" in done.stderr


@pytest.mark.slow
def test_the_owner_of_the_machine_lets_people_in(data_dir: Path) -> None:
    """A practice whose only manager lost telephone and recovery codes comes back by a link of the machine itself."""
    where = ("--data-dir", data_dir)
    made = cli("accounts", "add", "A.Jansen", "--name", "Dr. A. Jansen", "--manages", *where)
    assert made.returncode == 0, made.stderr
    again = cli("accounts", "reset", "a.jansen", *where)
    links = [
        re.search(r"^http://127.0.0.1:8600/uitnodiging\?code=([\w-]{43})$", one.stdout, re.M) for one in (made, again)
    ]
    assert links[0]
    assert links[1]
    assert links[0][1] != links[1][1]
    listed = cli("accounts", "list", *where).stdout
    for word in ("a.jansen", "Dr. A. Jansen", "huisarts", "✓", "uitgenodigd"):
        assert word in listed
    assert (
        cli("accounts", "change", "a.jansen", "--role", "poh", *where)
        .stdout.strip()
        .endswith("poh, beheert medewerkers")
    )
    assert cli("accounts", "change", "a.jansen", "--no-manages", *where).stdout.strip() == "Dr. A. Jansen: poh"
    assert cli("accounts", "change", "a.jansen", "--role", "koning", *where).returncode == 3
    assert cli("accounts", "disable", "a.jansen", *where).returncode == 0
    assert "uitgeschakeld" in cli("accounts", "list", *where).stdout
    unknown = cli("accounts", "reset", "w.neem", *where)
    assert unknown.returncode == 3
    assert "transcribe accounts list" in unknown.stderr
