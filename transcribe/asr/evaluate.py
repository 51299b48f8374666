"""Test recordings to transcripts and drafts, one JSON a file, for scoring. Never touches a store.

``{"transcript": {"utterances": [{"speaker", "text", "start", "end"}]}, "draft": {"S": [{"text", "evidence"}], "O": [],
"E": [], "P": []}, "dropped": [...]}``; a recording that can't be used has ``"error"`` (a Dutch sentence) beside an
empty transcript and draft. Utterances that are marked as made up are under ``"dropped"`` too, with the mark.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.pcm import Pcm, mixed
from transcribe.errors import AudioProblem, NoSpeech
from transcribe.ports import Decoder, Drafter, Transcriber
from transcribe.soep.note import Note, Section

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".wav", ".mp3", ".m4a", ".ogg", ".opus", ".oga", ".flac", ".webm", ".mp4", ".mkv", ".mov"})
STEREO = (Speaker.HUISARTS, Speaker.PATIENT)
MAX_S = 4 * 3600.0
IN_MEMORY = 64 << 20  # bytes of PCM (17 minutes of stereo); more goes to a file without a name


def evaluate_folder(
    recordings: Path,
    output: Path,
    *,
    decoder: Decoder,
    transcriber: Transcriber,
    drafter: Drafter,
    channels: Sequence[Speaker] = STEREO,
    max_s: float = MAX_S,
    progress: Callable[[str, float], None] = lambda _file, _done_s: None,
) -> dict[str, Any]:
    """All recordings of a folder, by name; files with another suffix are passed over.

    Returns counts and seconds: ``files``, ``errors``, ``no_speech``, ``audio_s``. One bad file never stops the others.
    """
    output.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = {"files": 0, "errors": 0, "no_speech": 0, "audio_s": 0.0}
    for file in sorted(recordings.iterdir()):
        if not file.is_file() or file.suffix.lower() not in SUFFIXES:
            continue
        result = evaluate_file(
            file,
            decoder=decoder,
            transcriber=transcriber,
            drafter=drafter,
            channels=channels,
            max_s=max_s,
            progress=lambda done_s, name=file.name: progress(name, done_s),  # type: ignore[misc]
        )
        counts["files"] += 1
        counts["errors"] += "error" in result
        counts["no_speech"] += "error" not in result and not result["transcript"]["utterances"]
        counts["audio_s"] = round(counts["audio_s"] + result.get("duration", 0.0), 2)
        target = output / f"{file.stem}.json"
        target.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return counts


def evaluate_file(
    file: Path,
    *,
    decoder: Decoder,
    transcriber: Transcriber,
    drafter: Drafter,
    channels: Sequence[Speaker] = STEREO,
    max_s: float = MAX_S,
    progress: Callable[[float], None] = lambda _done_s: None,
) -> dict[str, Any]:
    """One recording. A mono one is a conversation of unknown speakers. Never raises an ``AudioProblem``."""
    try:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as pcm_file:
            with file.open("rb") as source, decoder.decode(source, max_s=max_s) as decoding:
                mix = len(channels) < decoding.channels
                for chunk in mixed(decoding) if mix else decoding:
                    pcm_file.write(chunk)
                decoded = decoding.result()
            pcm = Pcm(pcm_file, channels=1 if mix else decoded.channels)  # type: ignore[arg-type]  # it is seekable
            speakers = tuple(channels) if len(channels) == pcm.channels else (Speaker.ONBEKEND,) * pcm.channels
            try:
                transcript = transcriber.transcribe(pcm, speakers, missing=decoded.missing, progress=progress)
            except NoSpeech:
                transcript = Transcript(utterances=(), duration_s=decoded.duration_s, missing=decoded.missing)
    except AudioProblem as problem:
        log.info("evaluate: a recording can't be used (%s)", type(problem).__name__)
        return {**_as_json(Transcript(utterances=()), None), "error": str(problem)}
    note = drafter.draft(transcript) if transcript.utterances else None
    return {
        **_as_json(transcript, note),
        "duration": round(transcript.duration_s, 2),
        "missing": [[round(span.start_s, 2), round(span.end_s, 2)] for span in transcript.missing],
        "model": transcript.model,
        "drafter": note.drafter if note else "",
    }


def _as_json(transcript: Transcript, note: Note | None) -> dict[str, Any]:
    utterances = [
        {"speaker": u.speaker.value, "text": u.text, "start": round(u.start_s, 2), "end": round(u.end_s, 2)}
        for u in transcript.utterances
    ]
    draft: dict[str, list[dict[str, Any]]] = {section.value: [] for section in Section}
    dropped: list[dict[str, Any]] = []
    if note is not None:
        for line in note.lines():
            draft[line.section.value].append({"text": line.text, "evidence": list(line.evidence)})
        dropped = [{"utterance": one.utterance, "reason": one.reason} for one in note.dropped]
        named = {one.utterance for one in note.dropped}
        dropped += [
            {"utterance": index, "reason": u.suspicion.value}
            for index, u in enumerate(transcript.utterances)
            if u.suspicion is not None and index not in named
        ]
    return {"transcript": {"utterances": utterances}, "draft": draft, "dropped": dropped}
