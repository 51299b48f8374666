"""The README's first command, as root and as a normal user, and with the network taken away."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECK = [sys.executable, "-m", "transcribe", "demo", "--check"]


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def must_have_made_a_note(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr[-2000:]
    assert "\nS: " in done.stdout
    assert "\nP: " in done.stdout
    assert "geweigerd, zoals het hoort" in done.stdout


def test_the_demo_makes_a_verified_note_and_leaves_nothing(tmp_path: Path) -> None:
    must_have_made_a_note(run(CHECK, TMPDIR=str(tmp_path)) if os.geteuid() else run(CHECK))
    if os.geteuid():
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_demo_runs_as_a_normal_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    user = pwd.getpwnam("nobody")
    if not _reachable(Path(sys.executable), user.pw_uid) or not _reachable(Path(__file__), user.pw_uid):
        pytest.skip("this checkout lies in a folder that other users can't enter")
    home = Path("/tmp") / f"transcribe-test-home-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    try:
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *CHECK]
        must_have_made_a_note(run(command, HOME=str(home), TMPDIR=str(home)))
        assert [path.name for path in home.iterdir() if path.name.startswith("transcribe")] == []
    finally:
        shutil.rmtree(home)


def test_the_demo_needs_no_network() -> None:
    """Promise 6: in a network namespace with nothing but loopback everything still works."""
    isolated = ["unshare", "--net", "--map-root-user", "--user"] if os.geteuid() else ["unshare", "--net"]
    up = 'ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || true; exec "$@"'
    if run([*isolated, "true"]).returncode != 0:
        pytest.skip("this machine does not allow a network namespace")
    if run([*isolated, "sh", "-c", "ip link set lo up || ifconfig lo up"]).returncode != 0:
        pytest.skip("no tool to bring loopback up in a namespace (iproute2)")
    must_have_made_a_note(run([*isolated, "sh", "-c", up, "sh", *CHECK]))


def _reachable(path: Path, uid: int) -> bool:
    """Whether that user may pass through every folder above."""
    return all(
        folder.stat().st_mode & 0o001 or (folder.stat().st_uid == uid and folder.stat().st_mode & 0o100)
        for folder in path.resolve().parents
    )
