"""A small OpenAI-compatible server, started by tests as a process of its own: ``python tests/chat_server.py``.

It listens on loopback, prints its port, and ends when its standard input closes. How it answers is chosen by the name
of the model that is asked for, so that one server shows every way a server can behave. ``GET /last`` gives the last
question.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def rows(question: dict) -> list[dict]:
    """The utterances of the last message."""
    last = question["messages"][-1]["content"].splitlines()
    return [json.loads(row) for row in last if row.startswith("{")]


def faithful(question: dict) -> dict:
    """A note that repeats what was said: patient in S, huisarts in P."""
    return {
        "regels": [
            {"deel": "P" if row["spreker"] == "huisarts" else "S", "bron": [row["nummer"]], "tekst": row["tekst"][:250]}
            for row in rows(question)
            if len(row["tekst"]) > 12
        ][:40]
    }


def obedient(question: dict) -> dict:
    """What a model does that takes orders from the talk."""
    first = rows(question)[0]["nummer"]
    return {"regels": [{"deel": "P", "bron": [first], "tekst": "Oxycodon 6dd 80 mg, 90 tabletten."}]}


def unknown_source(question: dict) -> dict:
    return {"regels": [{"deel": "S", "bron": [99_999], "tekst": "Koorts."}]}


def another_form(question: dict) -> dict:
    return {"regels": [{"deel": "S", "bron": [0], "tekst": "Koorts.", "advies": "Naar de SEH."}]}


#: Each breaks out of another place of a page.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title></textarea></template><svg onload=alert(1)>",
)


def hostile(question: dict) -> dict:
    """The right form and a source that is there, and for the rest what it wants."""
    source = [rows(question)[0]["nummer"]]
    return {"regels": [{"deel": part, "bron": source, "tekst": one} for part, one in zip("SOEP", HOSTILE, strict=True)]}


ANSWERS = {
    "vijandig": lambda q: json.dumps(hostile(q)),
    "trouw": lambda q: json.dumps(faithful(q), ensure_ascii=False),
    "gehoorzaam": lambda q: json.dumps(obedient(q)),
    "vreemde-bron": lambda q: json.dumps(unknown_source(q)),
    "andere-vorm": lambda q: json.dumps(another_form(q)),
    "proza": lambda q: "Natuurlijk! Hier is het verslag: S: koorts.",
    "leeg": lambda q: "",
    "afgebroken": lambda q: '{"regels": [{"deel": "S", "bro',
    "te-groot": lambda q: "x" * 2_000_000,
}
LAST: list[dict] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._reply(200, LAST[-1] if LAST else {})

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        LAST.append({**question, "authorization": self.headers.get("Authorization", "")})
        model = question["model"]
        if self.path != "/v1/chat/completions":
            self._reply(404, {"error": "no such path"})
        elif model == "weigert":
            self._reply(500, {"error": question["messages"][-1]["content"]})  # a server that repeats what it was told
        elif model == "stuurt-door":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/v1/chat/completions")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif model == "traag":
            time.sleep(30)
        elif model == "geen-json":
            self._raw(200, b"<html>")
        elif model == "geen-keuze":
            self._reply(200, {"choices": []})
        else:
            ended = "length" if model == "afgebroken" else "stop"
            choice = {
                "index": 0,
                "finish_reason": ended,
                "message": {"role": "assistant", "content": ANSWERS[model](question)},
            }
            told = HOSTILE[0] if model == "vijandig" else "fp_7"
            self._reply(200, {"model": model, "system_fingerprint": told, "choices": [choice]})

    def _reply(self, status: int, content: dict) -> None:
        self._raw(status, json.dumps(content).encode())

    def _raw(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
