"""``transcribe proof`` as a privacy officer asks for it: the whole path without a network, and three files about it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import cli
from transcribe.proof import isolation

ISOLATED = [sys.executable, "-I", str(Path(isolation.__file__))]


def isolated(report: Path, program: str, **given: object) -> subprocess.CompletedProcess[str]:
    command = [*ISOLATED, str(report), sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **given)  # type: ignore[call-overload]


@pytest.fixture
def namespaces(tmp_path: Path) -> None:
    if isolated(tmp_path / "probe.json", "pass").returncode == isolation.NOT_HERE:
        pytest.skip("this machine does not allow a network namespace")


@pytest.mark.slow
@pytest.mark.usefixtures("namespaces")
def test_the_whole_path_is_gone_through_without_a_network(tmp_path: Path) -> None:
    out = tmp_path / "bewijs"
    done = cli(
        "proof", "--out", out, "--neutral", "--data-dir", tmp_path / "leeg", TRANSCRIBE_ALLOWED_HOSTS="llm.example"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Bewezen" in done.stdout
    facts = json.loads((out / "proof.json").read_text(encoding="utf-8"))
    assert facts["verdict"] == "bewezen"
    assert facts["isolation"]["inside"]["interfaces"] == ["lo"]
    assert "route" not in facts["isolation"]["inside"]["routes"].values()
    assert list(facts["pipeline"]["after"]) == ["lo"]
    assert facts["pipeline"]["after"]["lo"]["sent"] > 0  # the screens and the demo GP did talk over it
    assert all(good for _, good in facts["pipeline"]["steps"])
    assert facts["pipeline"]["guarded"]
    assert (facts["pipeline"]["connections"], facts["pipeline"]["refused"]) == (0, 0)
    opened = {row["name"] for row in facts["settings"] if row["open"]}
    assert opened == {"Toegestane adressen"}
    written = "".join(file.read_text(encoding="utf-8") for file in out.iterdir())
    assert sorted(file.name for file in out.iterdir()) == ["proof.json", "report.html", "sbom.cdx.json"]
    assert str(tmp_path) not in written
    assert "llm.example" not in written
    assert set(facts["isolation"]["outside"]["interfaces"]).isdisjoint({"lo", *isolation.interfaces()})
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", facts["made_at"])  # and not the hour
    assert not (tmp_path / "leeg").exists()  # a look changes nothing


#: Straight at the C library: no hook of Python's sees it.
NATIVE = """
import ctypes, os, struct, socket
from transcribe import outbound
outbound.GUARD.close()
libc = ctypes.CDLL(None, use_errno=True)
line = libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
there = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), socket.inet_aton("192.0.2.1"))
print(libc.connect(line, there, len(there)), os.strerror(ctypes.get_errno()))
"""


@pytest.mark.usefixtures("namespaces")
def test_native_code_that_no_guard_sees_gets_nowhere_either(tmp_path: Path) -> None:
    done = isolated(tmp_path / "seen.json", NATIVE)
    assert done.stdout.startswith("-1"), done.stdout + done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert seen["other_namespace"]
    assert seen["inside"]["interfaces"] == ["lo"]


@pytest.mark.usefixtures("namespaces")
def test_what_it_starts_is_inside_too(tmp_path: Path) -> None:
    program = "import subprocess; subprocess.run(['cat', '/proc/net/dev'])"
    done = isolated(tmp_path / "seen.json", program)
    assert [row.split(":")[0].strip() for row in done.stdout.splitlines()[2:]] == ["lo"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("namespaces")
def test_a_normal_user_leaves_the_network_too_or_says_why_not(tmp_path: Path) -> None:
    """Some systems forbid it (AppArmor, containers): then the report must say that nothing was proven."""
    folder = Path("/tmp") / f"transcribe-test-proof-{os.getpid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    script = folder / "isolation.py"
    script.write_text(Path(isolation.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    report = folder / "seen.json"
    try:
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-I", str(script), str(report), "/bin/cat", "/proc/net/dev"],
            capture_output=True,
            text=True,
            check=False,
            user=65534,
            group=65534,
            extra_groups=[],
        )
        seen = json.loads(report.read_text(encoding="utf-8"))
        assert ("why_not" in seen) is (done.returncode == isolation.NOT_HERE)
        if "why_not" not in seen:
            assert seen["how"] == "user+network"
            assert [row.split(":")[0].strip() for row in done.stdout.splitlines()[2:]] == ["lo"]
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_a_folder_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "bestand").touch()
    done = cli("proof", "--out", tmp_path / "bestand" / "map", "--data-dir", tmp_path)
    assert done.returncode == 5
    assert "--out" in done.stderr
