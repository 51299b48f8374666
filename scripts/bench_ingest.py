"""How soon sound is safe, and how many recordings one process takes at the same time.

    python scripts/bench_ingest.py --streams 50 --seconds 20 --folder /var/tmp

Starts the web app with a real spool in a process of its own and sends to it as so many microphones would (16 kHz, one
channel, a frame each 100 ms). Prints the time from sending a frame to its acknowledgement (encrypted, fsynced) and the
processor time of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.live_client import HEAD  # noqa: E402
from tests.live_server import KEY  # noqa: E402

FRAME = bytes(range(256)) * 12 + bytes(128)


async def microphone(base: str, cookie: str, consult: UUID, seconds: float, start: float) -> list[float]:
    """Seconds until each frame was acknowledged."""
    sent: list[float] = []
    waits: list[float] = []
    url = f"{base.replace('http', 'ws')}/consult/{consult}/opname"
    async with connect(
        url, origin=base, additional_headers={"Cookie": cookie}, compression=None, proxy=None, open_timeout=60
    ) as live:
        await live.recv()

        async def speak() -> None:
            for number in range(int(seconds * 10)):
                await asyncio.sleep(max(0.0, start + number / 10 - time.monotonic()))
                sent.append(time.monotonic())
                await live.send(HEAD.pack(number) + FRAME)

        speaking = asyncio.create_task(speak())
        while len(waits) < int(seconds * 10):
            message = json.loads(await live.recv())
            if "ack" in message:
                now = time.monotonic()
                waits += [now - sent[number] for number in range(len(waits), message["ack"])]
        await speaking
    return waits


async def measure(base: str, cookie: str, streams: int, seconds: float, server: psutil.Process) -> None:
    start = time.monotonic() + 0.02 * streams + 1
    used = sum(server.cpu_times()[:2])
    waits = await asyncio.gather(
        # not all at the same tenth of a second, as microphones are not
        *(microphone(base, cookie, UUID(int=n + 1), seconds, start + n % 100 / 1000) for n in range(streams))
    )
    used = sum(server.cpu_times()[:2]) - used
    every = sorted(wait for stream in waits for wait in stream)
    cuts = statistics.quantiles(every, n=100)
    print(
        f"{streams:4} streams: acknowledged after {cuts[49] * 1000:.0f} ms (median), {cuts[94] * 1000:.0f} ms (95 %), "
        f"{cuts[98] * 1000:.0f} ms (99 %), {every[-1] * 1000:.0f} ms (longest); "
        f"server {100 * used / seconds:.0f} % of one processor, {server.memory_info().rss / 1e6:.0f} MB"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--streams", type=int, nargs="+", default=[1, 10, 50])
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--folder", type=Path, default=None, help="on the disk that is to be measured")
    given = options.parse_args()
    for streams in given.streams:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            command = [sys.executable, "-m", "tests.live_server", f"{folder}/spool", str(port), str(streams)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as server:
                assert server.stdout is not None
                try:
                    server.stdout.readline()
                    base = f"http://127.0.0.1:{port}"
                    cookies = httpx.post(f"{base}/login", data={"sleutel": KEY}).cookies
                    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
                    asyncio.run(measure(base, cookie, streams, given.seconds, psutil.Process(server.pid)))
                finally:
                    server.kill()


if __name__ == "__main__":
    main()
