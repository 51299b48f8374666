"""The guarded client and the downloader against real servers of HTTP and TLS on this machine."""

from __future__ import annotations

import datetime
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from transcribe.asr.pull import fetch
from transcribe.errors import SetupProblem
from transcribe.outbound import Outcome, Place, Purpose, Tally
from transcribe.outbound_client import NotNamed, client, own_screens

QUICK = httpx.Timeout(5.0)
REVISION = "a" * 40
WEIGHTS = bytes(range(256)) * 40
FILES = {
    "config.json": b"{}",
    "model.bin": WEIGHTS,
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"a\n",
    "notes.md": b"x",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]]  # path, Host, Range
    elsewhere = ""  # where large files are
    broken = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"], self.headers.get("Range", "")))
        name = self.path.rpartition("/")[2]
        if self.path.startswith("/api/models/"):
            siblings = [
                {"rfilename": name, "size": len(content)}
                | ({"lfs": {"sha256": sha256(WEIGHTS).hexdigest()}} if name == "model.bin" else {})
                for name, content in FILES.items()
            ]
            self._reply(json.dumps({"sha": REVISION, "siblings": siblings}).encode())
        elif "/resolve/" in self.path and name == "model.bin" and self.elsewhere:
            self._reply(b"", 302, Location=f"{self.elsewhere}/blob/model.bin")
        elif self.path == "/weg":
            self._reply(b"", 302, Location=self.elsewhere)
        else:
            content = b"anders" if self.broken and name == "model.bin" else FILES.get(name, b"goed")
            begin = (
                int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) if "Range" in self.headers else 0
            )
            self._reply(content[begin:], 206 if begin else 200)

    def _reply(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


Server = tuple[str, type[Handler]]


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """``serve()``: the address of a server of its own, and its handler."""
    running: list[ThreadingHTTPServer] = []

    def start(context: ssl.SSLContext | None = None) -> Server:
        handler = type("Own", (Handler,), {"asked": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}", handler

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def place(address: str) -> Place:
    url = httpx.URL(address)
    return Place(host=url.host, port=url.port, purpose=Purpose.LANGUAGE_MODEL)


def test_what_goes_out_is_counted_and_logged_without_content(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    address, _ = serve()
    tally = Tally()
    with (
        caplog.at_level(logging.INFO, "transcribe"),
        client([place(address)], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=tally) as connection,
    ):
        assert connection.request("GET", f"{address}/keelpijn?q=koorts", content=b"hoofdpijn").text == "goed"
    (row,) = tally.rows()
    assert (row.host, row.outcome, row.connections, row.sent, row.received) == ("127.0.0.1", Outcome.DONE, 1, 9, 4)
    told = [record for record in caplog.records if record.name == "transcribe.outbound"]
    assert [vars(record)["sent"] for record in told] == [9]
    for secret in ("keelpijn", "koorts", "hoofdpijn"):
        assert secret not in str([vars(record) for record in told])


@pytest.mark.parametrize("to", ["http://127.0.0.2:9/", "https://llm.example.evil.example/", "http://localhost:9/"])
def test_a_redirect_to_another_host_is_refused(serve: Callable[..., Server], to: str) -> None:
    address, handler = serve()
    handler.elsewhere = to
    tally = Tally()
    with (
        client([place(address)], Purpose.MODELS, timeout=QUICK, redirects=True, tally=tally) as connection,
        pytest.raises(NotNamed),
    ):
        connection.get(f"{address}/weg")
    assert [row.outcome for row in tally.rows()] == [Outcome.DONE, Outcome.REFUSED]


def test_no_proxy_of_the_environment_is_asked(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    address, _ = serve()
    proxy, theirs = serve()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    with client([place(address)], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=Tally()) as connection:
        assert connection.get(address).text == "goed"
    with own_screens(address, headers={}) as browser:
        assert browser.get("/").text == "goed"
    assert theirs.asked == []


def test_our_own_screens_are_on_this_machine() -> None:
    with pytest.raises(ValueError, match="only on this machine"):
        own_screens("http://192.0.2.1:80", headers={})


@pytest.mark.parametrize(
    "found",
    [["169.254.169.254"], ["192.0.2.1", "169.254.169.254"], ["0.0.0.0"], ["224.0.0.1"]],
)
def test_a_name_that_turns_out_to_be_something_else_is_refused(
    found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up(monkeypatch, found)
    tally = Tally()
    llm = Place(host="llm.example", port=443, purpose=Purpose.LANGUAGE_MODEL)
    with client([llm], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=tally) as connection, pytest.raises(NotNamed):
        connection.get("https://llm.example/")
    assert [(row.host, row.outcome) for row in tally.rows()] == [("llm.example", Outcome.REFUSED)]


def test_localhost_that_is_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In clear: whoever changes the hosts file gets nothing."""
    look_up(monkeypatch, ["192.0.2.1"])
    here = Place(host="localhost", port=80, purpose=Purpose.LANGUAGE_MODEL)
    with client([here], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=Tally()) as connection, pytest.raises(NotNamed):
        connection.get("http://localhost/")


def test_the_address_that_was_examined_is_used_with_the_certificate_of_the_name(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a second look-up would lead elsewhere, and is never made."""
    serving, trusting = certificate("llm.example", tmp_path)
    address, handler = serve(serving)
    port = httpx.URL(address).port
    monkeypatch.setattr("httpx._transports.default.create_ssl_context", lambda **_: trusting)
    asked = look_up(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    llm = Place(host="llm.example", port=port, purpose=Purpose.LANGUAGE_MODEL)
    with client([llm], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=Tally()) as connection:
        assert connection.get(f"https://llm.example:{port}/").text == "goed"
    assert asked == ["llm.example"]
    assert handler.asked[0][1] == f"llm.example:{port}"

    look_up(monkeypatch, ["127.0.0.1"])
    other = Place(host="ander.example", port=port, purpose=Purpose.LANGUAGE_MODEL)
    with (
        client([other], Purpose.LANGUAGE_MODEL, timeout=QUICK, tally=Tally()) as connection,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.get(f"https://ander.example:{port}/")


def look_up(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Each look-up of a name that is no address gets the next answer. Returns the names that were asked."""
    asked: list[str] = []
    left = list(answers)
    real = socket.getaddrinfo

    def found(host: str, port: int, *given: object, **options: object) -> object:
        if host.replace(".", "").isdigit():
            return real(host, port, *given, **options)  # type: ignore[arg-type]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cafile=str(file))


# --- models ----------------------------------------------------------------------------------------------------------


def test_a_model_is_fetched_whole_and_nothing_else(serve: Callable[..., Server], tmp_path: Path) -> None:
    hub, _ = serve()
    assert fetch("iemand/model", "", tmp_path, hub=hub) == REVISION
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        name: content for name, content in FILES.items() if name != "notes.md"
    }


def test_a_fetch_that_was_broken_off_goes_on(serve: Callable[..., Server], tmp_path: Path) -> None:
    hub, handler = serve()
    (tmp_path / "model.bin.part").write_bytes(WEIGHTS[:1000])
    (tmp_path / "config.json").write_bytes(FILES["config.json"])
    fetch("iemand/model", REVISION, tmp_path, hub=hub)
    assert (tmp_path / "model.bin").read_bytes() == WEIGHTS
    ranges = {path.rpartition("/")[2]: asked for path, _, asked in handler.asked}
    assert ranges["model.bin"] == "bytes=1000-"
    assert "config.json" not in ranges


def test_another_file_than_was_promised_is_not_kept(serve: Callable[..., Server], tmp_path: Path) -> None:
    hub, handler = serve()
    handler.broken = True
    with pytest.raises(SetupProblem, match=r"model\.bin kwam anders aan"):
        fetch("iemand/model", "", tmp_path, hub=hub)
    assert not list(tmp_path.glob("model.bin*"))


def test_files_come_from_a_host_that_is_known(serve: Callable[..., Server], tmp_path: Path) -> None:
    hub, handler = serve()
    store, _ = serve()
    handler.elsewhere = store
    with pytest.raises(SetupProblem, match="TRANSCRIBE_ALLOWED_HOSTS"):
        fetch("iemand/model", "", tmp_path, hub=hub)
    fetch("iemand/model", "", tmp_path, hub=hub, also=(place(store),))
    assert (tmp_path / "model.bin").read_bytes() == WEIGHTS


def test_what_is_no_model_is_told(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _ = serve()
    monkeypatch.setitem(globals(), "FILES", {"notes.md": b"x"})
    with pytest.raises(SetupProblem, match="geen versie bekend"):
        fetch("iemand/model", "", tmp_path, hub=hub)


def test_without_internet_it_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="iemand/model kon niet worden opgehaald") as told:
        fetch("iemand/model", "", tmp_path, hub="http://127.0.0.1:9")
    assert "transcribe models add" in str(told.value)
