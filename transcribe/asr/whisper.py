"""The recogniser: a Whisper model through faster-whisper, every option stated, nothing ever downloaded."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.asr.transcript import Heard, HeardSegment
from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.errors import SetupProblem

log = logging.getLogger(__name__)

MOST_S = 30.0  # what Whisper's encoder sees at once
#: Words that may occur are put before the text, in the same 448 tokens: more of them leave too little room for quick
#: speech (28 s of it is about 150 tokens), and the library cuts at 223, in the middle of a word.
HINT_TOKENS = 200
NEEDED = ("config.json", "model.bin", "tokenizer.json")  # the library would fetch a missing tokenizer from the internet


@dataclass(frozen=True, kw_only=True)
class WhisperOptions:
    """Every option of ``faster_whisper.WhisperModel.transcribe`` but the sound and the language.

    Nothing is left to the library's defaults: they differ between its two pipelines and change with versions. A
    contract test compares these fields with the library's signature.
    """

    task: str = "transcribe"
    log_progress: bool = False
    multilingual: bool = False  # no language detection per segment: the language is a setting
    # search: plain beam search, so that the same sound always gives the same text
    beam_size: int = 5
    best_of: int = 5  # only used at temperatures above 0
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperature: float = 0.0
    prompt_reset_on_temperature: float = 0.5
    # no conditioning: what was heard wrongly must not colour what comes next
    condition_on_previous_text: bool = False
    initial_prompt: str | None = None
    prefix: str | None = None
    hotwords: str | None = None
    # nothing is dropped in here: `guards` marks what is suspicious and keeps it
    compression_ratio_threshold: float | None = None
    log_prob_threshold: float | None = None
    no_speech_threshold: float | None = None
    hallucination_silence_threshold: float | None = None
    vad_filter: bool = False  # `vad` has already been there
    vad_parameters: None = None
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)  # -1: the library's list of symbols that are not speech
    # times: segments and words
    without_timestamps: bool = False
    max_initial_timestamp: float = 1.0
    word_timestamps: bool = True
    prepend_punctuations: str = "\"'“¿([{-"
    append_punctuations: str = "\"'.。,，!！?？:：”)]}、"
    clip_timestamps: str = "0"
    max_new_tokens: int | None = None
    chunk_length: int | None = None
    language_detection_threshold: float | None = None
    language_detection_segments: int = 1

    def __post_init__(self) -> None:
        if self.temperature != 0.0:
            raise ValueError("only temperature 0 gives the same text twice")
        if not self.word_timestamps:
            raise ValueError("evidence needs the times of words")


class WhisperRecogniser:
    """``ports.Recogniser``. Loads the model when it is made (seconds); not thread-safe.

    ``device``: "cpu", "cuda" or "auto". ``compute_type``: as CTranslate2 names it ("int8", "float16", "auto").
    ``cpu_threads``: 0 leaves it to the library (all cores, four at most). ``hints``: does this model take words
    that may occur? One that was never trained with them hears worse. Raises ``SetupProblem``.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "auto",
        compute_type: str = "auto",
        cpu_threads: int = 0,
        name: str = "",
        hints: bool = True,
        options: WhisperOptions | None = None,
    ) -> None:
        missing = [file for file in NEEDED if not (model_dir / file).is_file()]
        if missing:
            raise SetupProblem(problem=f"spraakmodel {model_dir} mist {', '.join(missing)}")
        self.name = name or model_dir.name
        self.takes_hints = hints
        self.options = options or WhisperOptions()
        os.environ["HF_HUB_OFFLINE"] = "1"  # belt and braces: also a bug can't make the library go out
        from faster_whisper import WhisperModel

        try:
            self._model: Any = WhisperModel(
                str(model_dir),
                device=device,
                device_index=0,
                compute_type=compute_type,
                cpu_threads=cpu_threads,
                num_workers=1,
                download_root=None,
                local_files_only=True,
                files=None,
                revision=None,
                use_auth_token=None,
            )
        except (RuntimeError, ValueError) as error:  # how CTranslate2 says "no such device", "not a model"
            raise SetupProblem(problem=f"spraakmodel {model_dir} kan niet worden geladen ({error})") from error

    def recognise(self, samples: Samples, *, language: str, hints: Sequence[str] = ()) -> list[HeardSegment]:
        """At most 30 s of sound. Times may lie a little past the end; the caller knows where the sound ends.

        ``hints``: words that may occur, the most important first; those that do not fit are left out.
        """
        if samples.size > MOST_S * RATE_HZ:
            raise ValueError(f"{samples.size / RATE_HZ:.1f} s of sound; {MOST_S} is the most")
        if not samples.size:
            return []
        options = asdict(self.options) | {"suppress_tokens": list(self.options.suppress_tokens)}
        if self.takes_hints:
            options["hotwords"] = self.hotwords(hints)
        segments, _ = self._model.transcribe(np.ascontiguousarray(samples, np.float32), language=language, **options)
        heard = [
            HeardSegment(
                text=segment.text.strip(),
                start_s=float(segment.start),
                end_s=float(segment.end),
                words=_words(segment.words or ()),
                no_speech=float(segment.no_speech_prob),
                log_probability=float(segment.avg_logprob),
                compression=float(segment.compression_ratio),
            )
            for segment in segments
        ]
        log.debug("recognised %.1f s of sound: %d segments", samples.size / RATE_HZ, len(heard))
        return heard

    def hotwords(self, hints: Sequence[str]) -> str | None:
        """The hints as the library takes them: whole ones, as many as fit. None without any."""
        room = min(HINT_TOKENS, self._model.max_length // 2 - 1)
        taken = ""
        for hint in dict.fromkeys(" ".join(_SPECIAL.sub(" ", hint).split()) for hint in hints):
            longer = f"{taken}, {hint}" if taken else hint
            if len(self._model.hf_tokenizer.encode(f" {longer}", add_special_tokens=False).ids) > room:
                break
            taken = longer if hint else taken
        return taken or None


#: What tokens with a meaning of their own are written with ("<|nl|>").
_SPECIAL = re.compile(r"[<|>]")


def _words(parts: Iterable[Any]) -> tuple[Heard, ...]:
    """Words as written: the library cuts at signs ("120", "/80"); what has no space before it belongs to the last."""
    words: list[Heard] = []
    for part in parts:
        text = part.word.strip()
        if not text:
            continue
        heard = Heard(text=text, start_s=float(part.start), end_s=float(part.end), probability=float(part.probability))
        if words and not part.word.startswith(" "):
            last = words.pop()
            heard = Heard(
                text=last.text + text,
                start_s=last.start_s,
                end_s=heard.end_s,
                probability=min(last.probability, heard.probability),
            )
        words.append(heard)
    return tuple(words)
