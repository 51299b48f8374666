"""A real S3 server (moto) in a process of its own, on loopback, that ends with whoever started it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# reads its standard input for as long as whoever started it lives: nothing is left behind, however a test run ends
OBJECT_SERVER = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class ObjectServer:
    """An S3 server (moto) in a process of its own, with one bucket."""

    url: str
    process: subprocess.Popen[bytes]
    bucket: str = "geluid"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIAVERZONNEN",
            "AWS_SECRET_ACCESS_KEY": "geheim-van-de-proef",
        }

    def address(self) -> str:
        """A place in the bucket that nobody else has."""
        return f"s3://{self.bucket}/proef/{secrets.token_hex(6)}"

    def ask(self, path: str, method: str = "GET") -> str:
        """A plain request about the bucket, past everything of ours."""
        request = urllib.request.Request(f"{self.url}/{self.bucket}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())


@contextmanager
def run_object_server(**environment: str) -> Iterator[ObjectServer]:
    with subprocess.Popen(
        [sys.executable, "-c", OBJECT_SERVER],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        server = ObjectServer(url=process.stdout.readline().decode().strip(), process=process)
        server.ask("", "PUT")
        yield server
