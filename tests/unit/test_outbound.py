"""The list of what may be reached, the figures, and the guard that holds both for libraries too."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import SetupProblem
from transcribe.outbound import (
    Counted,
    Outcome,
    Place,
    Purpose,
    Tally,
    allow_list,
    fit,
    named,
    read_tally,
    this_machine,
)
from transcribe.settings import Settings

LLM = Purpose.LANGUAGE_MODEL


def permits(given: str, host: str, port: int) -> bool:
    return any(place.fits(host, port) for place in allow_list(given, LLM))


@pytest.mark.parametrize(
    ("given", "host", "port", "allowed"),
    [
        ("", "llm.example", 443, False),
        ("llm.example", "llm.example", 443, True),
        ("llm.example", "llm.example", 8443, True),
        (" LLM.Example. , ander.example", "llm.example", 443, True),
        ("llm.example:443", "llm.example", 443, True),
        ("llm.example:443", "llm.example", 8443, False),
        ("llm.example", "llm.example.evil.example", 443, False),
        ("llm.example", "evilllm.example", 443, False),
        ("llm.example", "a.llm.example", 443, False),
        ("[2001:db8::1]:443", "2001:db8::1", 443, True),
        ("2001:db8:0::1", "2001:db8::1", 443, True),
        ("192.0.2.7", "192.0.2.70", 443, False),
    ],
)
def test_the_list_is_exact(given: str, host: str, port: int, allowed: bool) -> None:
    assert permits(given, host, port) is allowed


@pytest.mark.parametrize(
    "entry",
    [
        "*", "*.example", ".example", "https://llm.example", "llm.example/v1", "llm.example:poort", "llm.example:0",
        "user@llm.example", "10.0.0.0/8", "llm..example", "llm.exämple", "llm.example?", "-llm.example", "llm example",
    ],
)  # fmt: skip
def test_a_pattern_is_no_host(entry: str) -> None:
    with pytest.raises(SetupProblem, match="TRANSCRIBE_ALLOWED_HOSTS"):
        allow_list(entry, LLM)


names = st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8), min_size=1, max_size=4)


@given(names, names)
def test_no_other_name_gets_through(listed: list[str], asked: list[str]) -> None:
    entry, host = ".".join(listed), ".".join(asked)
    assert permits(entry, host, 443) is (entry == host)


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("192.0.2.7", True),
        ("10.1.2.3", True),  # a machine of the practice
        ("fd00::7", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("169.254.169.254", False),  # where a cloud hands out its keys
        ("::ffff:169.254.169.254", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("llm.example", False),
    ],
)
def test_what_a_name_may_turn_out_to_be(address: str, good: bool) -> None:
    assert fit(address) is good


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ],
)
def test_what_this_machine_is(host: str, here: bool) -> None:
    assert this_machine(host) is here


def test_by_default_nothing_is_named(tmp_path: Path) -> None:
    assert named(Settings(data_dir=tmp_path)) == []


def test_what_settings_open_is_named_with_its_purpose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://S3.praktijk.example")
    found = named(
        Settings(
            data_dir=tmp_path,
            database_url="postgresql://scribe:geheim@db.praktijk.example/transcribe",
            blob_store="s3://geluid",
            drafter="server",
            llm_url="https://llm.example/v1",
            allowed_hosts="llm.example, 127.0.0.1:11434",
        )
    )
    assert [(place.host, place.port, place.purpose) for place in found] == [
        ("db.praktijk.example", 5432, Purpose.DATABASE),
        ("s3.praktijk.example", 443, Purpose.SOUND),
        ("llm.example", None, Purpose.LANGUAGE_MODEL),
    ]


def test_the_folder_of_our_own_database_is_no_machine(tmp_path: Path) -> None:
    url = "postgresql+psycopg://transcribe:x@/transcribe?host=%2Fvar%2Flib%2Ftranscribe&port=5432"
    assert named(Settings(data_dir=tmp_path, database_url=url)) == []
    several = "postgresql://u@/d?host=a.example:5433,b.example"
    assert [(p.host, p.port) for p in named(Settings(data_dir=tmp_path, database_url=several))] == [
        ("a.example", 5433),
        ("b.example", 5432),
    ]


def test_processes_count_together_and_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "outbound.json"
    tallies = [Tally() for _ in range(4)]
    tallies[0].add("llm.example", 443, LLM, Outcome.DONE, sent=10, received=5)  # before the folder was known
    for tally in tallies:
        tally.keep_in(file)

    def many(tally: Tally) -> None:
        for _ in range(25):
            tally.add("llm.example", 443, LLM, Outcome.DONE, sent=10, received=5)

    with ThreadPoolExecutor() as pool:
        list(pool.map(many, tallies))
    expected = Counted(
        host="llm.example", port=443, purpose=LLM, outcome=Outcome.DONE, connections=101, sent=1010, received=505
    )
    assert tallies[3].rows() == [expected]
    rows, since = read_tally(file)
    assert (rows, since) == ([expected], tallies[1].since())
    assert file.stat().st_mode & 0o077 == 0


def test_figures_that_cannot_be_kept_keep_nobody_from_working(tmp_path: Path) -> None:
    tally = Tally()
    tally.keep_in(tmp_path / "weg" / "outbound.json")
    tally.add("llm.example", 443, LLM, Outcome.DONE)
    tally.rows()


#: Every way of Python's that a library may take. 192.0.2.0/24 and .example lead nowhere, whatever lets them through.
ATTEMPTS = {
    "urllib": "import urllib.request as u; u.urlopen('http://192.0.2.1:81/x', timeout=1)",
    "urllib, a name": "import urllib.request as u; u.urlopen('http://keelpijn.example/', timeout=1)",
    "http.client": "import http.client as h; h.HTTPSConnection('192.0.2.1', timeout=1).request('GET', '/')",
    "httpx": "import httpx; httpx.get('http://192.0.2.1:81/', timeout=1)",
    "asyncio": "import asyncio; asyncio.run(asyncio.open_connection('192.0.2.1', 81))",
    "connect_ex": "import socket; socket.socket().connect_ex(('192.0.2.1', 81))",
    "udp": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "sendmsg": "import socket as s; s.socket(s.AF_INET, s.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 53))",
    "ipv6": "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 81))",
    "mapped": "import socket; socket.socket(socket.AF_INET6).connect(('::ffff:192.0.2.1', 81))",
    "look-up": "import socket; socket.getaddrinfo('keelpijn.example', 80)",
    "old look-up": "import socket; socket.gethostbyname('keelpijn.example')",
    "look-up backwards": "import socket; socket.gethostbyaddr('192.0.2.1')",
    "a port that is not named": "import socket; socket.socket().connect(('192.0.2.9', 22))",
}
PROGRAM = """
import json, logging, socket, sys, threading
from transcribe import logs, outbound
logs.configure("json")
outbound.GUARD.close()
outbound.GUARD.permit(outbound.allow_list("192.0.2.9:80", outbound.Purpose.LANGUAGE_MODEL))
refused = {}
for name, attempt in json.loads(sys.argv[1]).items():
    before = sum(row.connections for row in outbound.TALLY.rows())
    try:
        exec(attempt)
    except Exception as error:
        pass
    refused[name] = sum(row.connections for row in outbound.TALLY.rows()) - before
listener = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(listener.getsockname(), 2): pass
with socket.create_connection(("localhost", listener.getsockname()[1]), 2): pass
a, b = socket.socketpair()
listener.close(); a.close(); b.close()
print(json.dumps(refused))
"""


def test_libraries_are_refused_too_and_this_machine_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(ATTEMPTS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    refused = json.loads(done.stdout)
    assert [name for name in ATTEMPTS if not refused[name]] == []
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = [line for line in lines if line["event"] == "outbound connection refused"]
    assert len(told) >= len(ATTEMPTS)
    assert all(line["at"] for line in told)
    # where to is content: a library can put what was said into a name
    assert "keelpijn" not in done.stderr
    assert "192.0.2" not in done.stderr


def test_an_allowed_name_may_be_connected_to_and_no_other() -> None:
    """The guard sees an address at the connection; it knows by which name that was found."""
    program = """
import socket
from transcribe import outbound
real = socket.getaddrinfo
NAMES = {"llm.example": "192.0.2.5", "wolk.example": "169.254.169.254"}
def found(host, port, *a, **k):
    import sys; sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (NAMES[host], port))]
socket.getaddrinfo = found
outbound.GUARD.close()
outbound.GUARD.permit(outbound.allow_list("llm.example:81,wolk.example", outbound.Purpose.LANGUAGE_MODEL))
def tried(host, port, address):
    socket.getaddrinfo(host, port)
    with socket.socket() as line:
        line.settimeout(0.05)
        try: line.connect((address, port))
        except outbound.OutboundRefused: return "refused"
        except OSError: return "let through"
        return "let through"
print(tried("llm.example", 81, "192.0.2.5"), tried("llm.example", 82, "192.0.2.5"),
      tried("llm.example", 81, "192.0.2.6"), tried("wolk.example", 81, "169.254.169.254"), sep=", ")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "let through, refused, refused, refused"


def test_a_process_of_ours_takes_no_proxy_and_leaves_no_core() -> None:
    program = """
import os, resource
import transcribe.__main__ as program
program.cli = lambda: None
program.main()
from pathlib import Path
import ctypes
print(resource.getrlimit(resource.RLIMIT_CORE), [n for n in os.environ if n.lower().endswith("_proxy")],
      ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if os.uname().sysname == "Linux" else 0, program.outbound.GUARD.closed)
"""
    proxies = {"HTTPS_PROXY": "http://192.0.2.1:3128", "all_proxy": "http://192.0.2.1:3128"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin", **proxies},
    )
    assert done.stdout.strip() == "(0, 0) [] 0 True"


def test_a_place_of_another_purpose_is_no_other_place() -> None:
    place = Place(host="db.example", port=5432, purpose=Purpose.DATABASE)
    assert place.fits("db.example", None)
    assert not place.fits("db.example", 5433)
