"""Sound in and sound out, both as streams: never whole in memory, never in clear on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import BinaryIO
from uuid import UUID

from anyio import from_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from consent import ConsentMissing
from transcribe import policy
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.errors import TranscribeError
from transcribe.web.errors import TooLarge
from transcribe.web.requests import SessionDep, Web, WebDep, checked
from transcribe.web.views import LAYOUT_SPEAKERS, Layout

router = APIRouter(dependencies=[Depends(checked)])

CHUNK = 64 * 1024
WAV_HEADER_BYTES = 44
#: Sizes in a WAV header have 32 bits.
MAX_WAV_DATA = 2**32 - 64


# --- in ------------------------------------------------------------------------------------------------------------


@router.put("/consult/{consult_id}/opname/{layout}")
async def receive(request: Request, web: WebDep, consult_id: UUID, layout: Layout) -> Response:
    """The raw bytes of one recording."""

    def take(pieces: Iterator[bytes]) -> None:
        web.workflow.receive(web.actor, consult_id, pieces, LAYOUT_SPEAKERS[layout])

    await take_in(request, web, take)
    return JSONResponse({"page": f"/consult/{consult_id}"}, status_code=201)


async def take_in(request: Request, web: Web, take: Callable[[Iterator[bytes]], None]) -> None:
    """The body to ``take``, which reads in a thread of its own; a next piece is asked of the browser only when it has
    taken the one before: whatever the size, one piece is in memory.
    """
    if request.headers.get("content-type") != "application/octet-stream":
        raise HTTPException(415)
    limit = web.max_upload_mb * 1_000_000
    if int(request.headers.get("content-length") or 0) > limit:
        raise TooLarge(maximum=web.max_upload_mb)
    body = request.stream()
    try:
        await run_in_threadpool(take, _pieces(body, limit, web.max_upload_mb))
    except (TranscribeError, ConsentMissing) as refused:
        if not isinstance(refused, TooLarge):
            # a browser that is still sending does not read: take the rest, so that it hears why
            async for _ in body:
                pass
        raise


def _pieces(body: AsyncIterator[bytes], limit: int, max_mb: int) -> Iterator[bytes]:
    """The body as a plain iterator for a worker thread; the event loop waits for the thread and the other way round."""

    async def following() -> bytes | None:
        return await anext(body, None)

    taken = 0
    while (piece := from_thread.run(following)) is not None:
        taken += len(piece)
        if taken > limit:
            raise TooLarge(maximum=max_mb)
        if piece:
            yield piece


# --- out -----------------------------------------------------------------------------------------------------------


@router.api_route("/consult/{consult_id}/audio", methods=["GET", "HEAD"])
def audio(request: Request, web: WebDep, session: SessionDep, consult_id: UUID) -> Response:
    """The recording as WAV, made while it is read; a Range gives any part of it."""
    listening = request.method == "GET" and consult_id not in session.heard
    running = web.workflow.consult(consult_id).status in policy.RUNNING
    play = web.recorder.read if running else web.workflow.play
    pcm = play(web.actor, consult_id, first=listening)
    if listening:
        web.access.heard(session, consult_id)
    wav = Wav(pcm.file, channels=pcm.channels)
    headers = {"Accept-Ranges": "bytes"}
    try:
        span = byte_range(request.headers.get("range", ""), wav.size)
    except UnsatisfiableRange:
        wav.close()
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{wav.size}"})
    first, last = span or (0, wav.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{wav.size}"
    if request.method == "HEAD":
        wav.close()
        return Response(status_code=206 if span else 200, headers=headers, media_type="audio/wav")
    return WavResponse(wav, first, last, status_code=206 if span else 200, headers=headers)


@router.get("/consult/{consult_id}/golfvorm")
def outline(web: WebDep, consult_id: UUID) -> Response:
    """A byte for each stretch of the recording: how loud it is."""
    return Response(web.workflow.outline(web.actor, consult_id), media_type="application/octet-stream")


class UnsatisfiableRange(Exception):
    """The range starts after the end."""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None for the whole: no range, several, or one that makes no sense."""
    unit, _, spec = header.partition("=")
    first, dash, last = (part.strip() for part in spec.partition("-"))
    if (
        unit.strip().lower() != "bytes"
        or not dash
        or not f"{first}{last}".isascii()
        or not f"{first}{last}".isdigit()
        or len(header) > 64
    ):
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise UnsatisfiableRange
        return size - length, size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableRange
    return int(first), min(int(last), size - 1) if last else size - 1


class Wav:
    """A header of 44 bytes before a file of PCM, as one row of bytes."""

    def __init__(self, file: BinaryIO, *, channels: int) -> None:
        frame = channels * SAMPLE_BYTES
        data = min(file.seek(0, 2), MAX_WAV_DATA) // frame * frame
        self._file = file
        self._header = wav_header(data, channels)
        self.size = len(self._header) + data

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes ``first`` to ``last``, both included, in pieces."""
        if first < len(self._header):
            yield self._header[first : last + 1]
        position = max(first, len(self._header))
        self._file.seek(position - len(self._header))
        while position <= last:
            piece = self._file.read(min(CHUNK, last + 1 - position))
            if not piece:
                return
            position += len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()


def wav_header(data_bytes: int, channels: int) -> bytes:
    def u32(value: int) -> bytes:
        return value.to_bytes(4, "little")

    def u16(value: int) -> bytes:
        return value.to_bytes(2, "little")

    frame = channels * SAMPLE_BYTES
    return (
        b"RIFF" + u32(36 + data_bytes) + b"WAVE"
        + b"fmt " + u32(16) + u16(1) + u16(channels) + u32(RATE_HZ) + u32(RATE_HZ * frame) + u16(frame)
        + u16(8 * SAMPLE_BYTES) + b"data" + u32(data_bytes)
    )  # fmt: skip


class WavResponse(StreamingResponse):
    """Closes the recording whatever happens to the connection."""

    def __init__(self, wav: Wav, first: int, last: int, *, status_code: int, headers: dict[str, str]) -> None:
        super().__init__(wav.read(first, last), status_code=status_code, headers=headers, media_type="audio/wav")
        self._wav = wav

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._wav.close)
