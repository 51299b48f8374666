"""What the composition root refuses before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from transcribe import serving
from transcribe.app import actor_of, check_host, check_mode, his_secret, make_his_secret, mark_mode
from transcribe.consult import Lane, Role
from transcribe.errors import InvalidInput, SetupProblem
from transcribe.settings import Settings, default_data_dir


@pytest.mark.parametrize(("value", "demo"), [("0", False), ("false", False), ("1", True), ("true", True)])
def test_demo_is_read_as_a_truth_value(monkeypatch: pytest.MonkeyPatch, value: str, demo: bool) -> None:
    monkeypatch.setenv("TRANSCRIBE_DEMO", value)
    monkeypatch.delenv("TRANSCRIBE_DATA_DIR", raising=False)
    settings = Settings.from_env()
    assert settings.demo is demo
    assert settings.data_dir == default_data_dir(demo=demo)


def test_options_go_before_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRANSCRIBE_PORT", "1234")
    assert Settings.from_env(data_dir=tmp_path).port == 1234
    assert Settings.from_env(data_dir=tmp_path, port=99).port == 99


def test_nobody_works_as_the_worker(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Settings(data_dir=tmp_path, user_role=Role.SYSTEEM)


def test_a_proxy_is_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_env(data_dir=tmp_path).proxy == ""
    monkeypatch.setenv("TRANSCRIBE_PROXY", "192.0.2.7")
    assert Settings.from_env(data_dir=tmp_path).proxy == "192.0.2.7"
    for wrong in ("192.0.2.0/24", "192.0.2.7,192.0.2.8", "proxy.example"):
        with pytest.raises(ValueError, match="proxy"):
            Settings(data_dir=tmp_path, proxy=wrong)


@pytest.mark.parametrize(
    ("host", "public", "allowed"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("localhost", "", True),
        ("0.0.0.0", "", False),
        ("192.0.2.7", "", False),
        ("praktijk.example", "", False),
        ("0.0.0.0", "scribe.praktijk.example", True),
    ],
)
def test_patient_text_goes_over_no_network_in_clear(tmp_path: Path, host: str, public: str, allowed: bool) -> None:
    settings = Settings(data_dir=tmp_path, host=host, public_host=public)
    if allowed:
        check_host(settings)
    else:
        with pytest.raises(SetupProblem):
            check_host(settings)


@pytest.mark.parametrize("first", [True, False])
def test_a_folder_is_for_the_demo_or_for_patients_never_for_both(tmp_path: Path, first: bool) -> None:
    check_mode(Settings(data_dir=tmp_path, demo=not first))  # a look leaves no mark
    mark_mode(Settings(data_dir=tmp_path, demo=first))
    check_mode(Settings(data_dir=tmp_path, demo=first))
    with pytest.raises(SetupProblem):
        check_mode(Settings(data_dir=tmp_path, demo=not first))


def test_an_approval_carries_a_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        actor_of(Settings(data_dir=tmp_path, user_name="  "))
    assert actor_of(Settings(data_dir=tmp_path, user_name=" Dr. Test ")).name == "Dr. Test"


def test_the_secret_of_the_his_is_made_once_and_anew_when_asked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "map")
    assert his_secret(settings) == ""  # the link is off until somebody makes it
    made = make_his_secret(settings.data_dir, anew=False)
    assert len(made) >= 32
    assert make_his_secret(settings.data_dir, anew=False) == his_secret(settings) == made
    assert (settings.data_dir / "keys" / "his.key").stat().st_mode & 0o777 == 0o600
    again = make_his_secret(settings.data_dir, anew=True)
    assert again == his_secret(settings) != made
    given = settings.model_copy(update={"his_secret": "g" * 32})
    assert his_secret(given) == "g" * 32
    assert "g" * 32 not in repr(given)


@pytest.mark.parametrize(
    ("lanes", "processors", "threads"),
    [
        ([Lane.BATCH] * 2, 2, ["1", "1"]),
        ([Lane.BATCH] * 3, 2, ["1"] * 3),
        ([Lane.BATCH] * 2, 16, ["4", "4"]),
        ([Lane.BATCH], 8, [None]),
        ([Lane.LIVE, Lane.LIVE, Lane.BATCH], 2, [None] * 3),  # of these mostly one is at work
    ],
)
def test_workers_that_are_all_busy_share_the_processors(
    lanes: list[Lane], processors: int, threads: list[str | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(serving, "processors", lambda: processors)
    settings = Settings.from_env(data_dir=tmp_path)
    made = serving.worker_children(settings, lanes)
    assert [child.environment.get("OMP_NUM_THREADS") for child in made] == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    made = serving.worker_children(settings, lanes)
    assert {child.environment["OMP_NUM_THREADS"] for child in made} == {"3"}
