"""A recording client for tests: sends sound as a microphone would, over any number of broken connections.

It keeps what was not acknowledged, and notes every promise that was broken (``broken``): an acknowledgement that was
taken back, a frame that was asked for after it had been acknowledged. See ``docs/live-ingest.md``.
"""

from __future__ import annotations

import http.client
import json
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

HEAD = struct.Struct(">I")
LOG_IN = 4401
#: Close codes after which a client comes back by itself.
NO_FURTHER = 4409
RETRY_S = 0.1
#: Longer than any fault lasts: a recorder that is told nothing for so long ends, and says so.
PATIENCE_S = 300.0


@dataclass(eq=False, repr=False)
class LiveClient(threading.Thread):
    """``pcm``: whole frames. ``speed``: 1 is a microphone, 0 as fast as it goes."""

    base: str  # "http://127.0.0.1:8600"
    key: str
    consult_id: UUID
    pcm: bytes
    speed: float = 1.0
    finish: bool = True  # say that it is over when everything was sent
    frame_bytes: int = 3200
    most: int | None = None  # frames that are spoken for now

    acked: int = 0  # frames
    stored: dict[str, Any] | None = None
    paused: bool = False
    errors: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    connections: int = 0
    logins: int = 0
    closed: list[int] = field(default_factory=list)  # close codes
    #: seconds from sending a frame to its acknowledgement
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        assert len(self.pcm) % self.frame_bytes == 0
        self.total = len(self.pcm) // self.frame_bytes
        self.given_up = False
        self._stop_it = threading.Event()
        self._orders: list[dict[str, object]] = []
        self._cookie = ""
        self._sent_at: dict[int, float] = {}
        self._next = 0

    def frame(self, number: int) -> bytes:
        return self.pcm[number * self.frame_bytes : (number + 1) * self.frame_bytes]

    def say(self, **order: object) -> None:
        self._orders.append(order)

    def stop(self) -> None:
        """As if the machine were switched off."""
        self._stop_it.set()
        self.join()

    def run(self) -> None:
        self._began = self._heard_at = time.monotonic()
        while not (self._stop_it.is_set() or self.stored or self.given_up):
            if time.monotonic() - self._heard_at > PATIENCE_S:
                self.broken.append("nobody answers")
                return
            try:
                if not self._cookie:
                    self._log_in()
                self._connection()
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                self.closed.append(code)
                if code == LOG_IN:
                    self._cookie = ""
                if code == NO_FURTHER:
                    self.given_up = True
            except (OSError, InvalidHandshake, http.client.HTTPException, TimeoutError):
                pass
            self._stop_it.wait(RETRY_S)

    def _log_in(self) -> None:
        address = urlsplit(self.base)
        connection = http.client.HTTPConnection(address.netloc, timeout=10)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/login", urlencode({"sleutel": self.key}), headers)
            answer = connection.getresponse()
            answer.read()
            cookie = answer.getheader("set-cookie")
            if answer.status == 303 and cookie:
                self._cookie = cookie.partition(";")[0]
                self.logins += 1
        finally:
            connection.close()

    def _connection(self) -> None:
        url = f"{self.base.replace('http', 'ws', 1)}/consult/{self.consult_id}/opname"
        headers = {"Cookie": self._cookie}
        with connect(url, origin=self.base, additional_headers=headers, compression=None, proxy=None) as socket:  # type: ignore[arg-type]
            self._heard(json.loads(socket.recv(timeout=10)))
            self.connections += 1
            said_end = False
            while not (self._stop_it.is_set() or self.stored):
                self._send_due(socket)
                if self.finish and self._next == self.total and not said_end:
                    said_end = True
                    socket.send(json.dumps({"end": self.total}))
                while self._orders:
                    socket.send(json.dumps(self._orders.pop(0)))
                try:
                    self._heard(json.loads(socket.recv(timeout=0.02)))
                except TimeoutError:
                    continue

    def _send_due(self, socket: ClientConnection) -> None:
        spoken = self.total if not self.speed else int((time.monotonic() - self._began) * 10 * self.speed)
        if self.most is not None:
            spoken = min(spoken, self.most)
        # not so many at once that nothing is heard meanwhile
        for number in range(self._next, min(self.total, spoken, self._next + 200)):
            socket.send(HEAD.pack(number) + self.frame(number))
            self._sent_at[number] = time.monotonic()
            self._next = number + 1

    def _heard(self, message: dict[str, Any]) -> None:
        now = self._heard_at = time.monotonic()
        if "resume_from" in message:
            if message["frame_bytes"] != self.frame_bytes:
                self.broken.append(f"frames of {message['frame_bytes']} bytes")
            self._go_back(message["resume_from"])
        if "wanted" in message:
            self._go_back(message["wanted"])
        if "ack" in message:
            if message["ack"] < self.acked:
                self.broken.append(f"acknowledged {self.acked}, later {message['ack']}")
            self.waits += [now - self._sent_at.pop(n) for n in range(self.acked, message["ack"]) if n in self._sent_at]
            self.acked = message["ack"]
        self.paused = message.get("paused", self.paused)
        if "error" in message:
            self.errors.append(message)
        if "stored" in message:
            self.stored = message

    def _go_back(self, number: int) -> None:
        if number < self.acked:
            self.broken.append(f"acknowledged {self.acked}, then asked for {number}")
        self._next = number
        self.acked = max(self.acked, number)
