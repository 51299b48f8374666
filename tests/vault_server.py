"""A small Vault, started by tests as a process of its own: ``python tests/vault_server.py``.

It speaks the transit engine as https://developer.hashicorp.com/vault/api-docs/secret/transit describes it: encrypt,
decrypt, rewrap, keys that are made and rotated, tokens with a policy, and the errors that go with them. It seals for
real (AES-GCM, a key a version). It listens on loopback, prints its port, and ends when its standard input closes.

Not of Vault: ``PUT /v1/test/MODE`` makes it behave badly ("" for well), ``GET /v1/test/seen`` gives what was asked.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: Token and what it may do with keys of the transit engine.
TOKENS = {
    "s.scribe": {"encrypt", "decrypt", "rewrap"},
    "s.reader": {"decrypt"},
    "s.root": {"encrypt", "decrypt", "rewrap", "keys"},
}
MOUNT = "transit"


@dataclass
class Vault:
    keys: dict[str, list[bytes]] = field(default_factory=lambda: {"transcribe": [os.urandom(32)]})
    mode: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)

    def seal(self, name: str, plaintext: str) -> str:
        nonce = os.urandom(12)
        body = AESGCM(self.keys[name][-1]).encrypt(nonce, base64.b64decode(plaintext, validate=True), None)
        return f"vault:v{len(self.keys[name])}:{base64.b64encode(nonce + body).decode()}"

    def open(self, name: str, ciphertext: str) -> str:
        """Raises ``ValueError`` for what it did not seal with this key."""
        kind, version, body = ciphertext.split(":")
        if kind != "vault" or not version.startswith("v"):
            raise ValueError("invalid ciphertext: no prefix")
        raw = base64.b64decode(body, validate=True)
        try:
            key = self.keys[name][int(version[1:]) - 1]
            return base64.b64encode(AESGCM(key).decrypt(raw[:12], raw[12:], None)).decode()
        except (InvalidTag, IndexError) as problem:
            raise ValueError("invalid ciphertext: unable to decrypt") from problem


VAULT = Vault()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._reply(200, {"data": VAULT.seen})

    def do_PUT(self) -> None:
        VAULT.mode = self.path.removeprefix("/v1/test/")
        self._reply(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        parts = self.path.removeprefix("/v1/").split("/")
        VAULT.seen.append({"path": self.path, "namespace": self.headers.get("X-Vault-Namespace", "")})
        match VAULT.mode:
            case "sealed":
                return self._reply(503, {"errors": ["Vault is sealed"]})
            case "slow":
                time.sleep(30)
            case "redirect":
                self.send_response(307)
                self.send_header("Location", "http://127.0.0.1:9/v1/transit/decrypt/transcribe")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            case "html":
                return self._raw(200, b"<html>")
            case "empty":
                return self._reply(200, {"data": {}})
            case "large":
                return self._raw(200, b"x" * 2_000_000)
        policy = TOKENS.get(self.headers.get("X-Vault-Token", ""), set())
        if parts[0] != MOUNT or len(parts) < 3:
            return self._reply(404, {"errors": [f'no handler for route "{self.path}"']})
        act, name = parts[1], parts[2]
        if act not in policy:
            return self._reply(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
        if act == "keys":
            VAULT.keys.setdefault(name, []).append(os.urandom(32))  # POST keys/NAME/rotate
            return self._raw(204, b"")
        if name not in VAULT.keys:
            # encrypt makes a key when the policy allows to; ours does not
            return self._reply(403 if act == "encrypt" else 400, {"errors": ["encryption key not found"]})
        try:
            data = self._act(act, name, body)
        except (ValueError, KeyError) as problem:
            # a server that repeats what it was asked
            return self._reply(400, {"errors": [str(problem), json.dumps(body)]})
        return self._reply(200, {"request_id": "1", "lease_id": "", "renewable": False, "data": data})

    def _act(self, act: str, name: str, body: dict[str, str]) -> dict[str, object]:
        if act == "decrypt":
            return {"plaintext": VAULT.open(name, body["ciphertext"])}
        plain = body["plaintext"] if act == "encrypt" else VAULT.open(name, body["ciphertext"])
        return {"ciphertext": VAULT.seal(name, plain), "key_version": len(VAULT.keys[name])}

    def _reply(self, status: int, content: object) -> None:
        self._raw(status, json.dumps(content).encode())

    def _raw(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def run_vault() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
