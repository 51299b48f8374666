"""Log-mel features as Whisper takes them, tokens, and training windows made of spoken lines.

A window is what the model sees at once: a few lines of speech with pauses, a little noise, and the tokens to say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from speech import LEAD_S, RATE_HZ, TAIL_S, Line, Spoken
from tokenizers import Tokenizer
from torch import Tensor

HOP, N_FFT, MEL_BANDS = 160, 400, 80
# One timestamp step and one encoder frame are both 20 ms.
FRAME = 320
LETTERS = "abcdefghijklmnopqrstuvwxyzéèëïöüç',.?! -"
# The pause espeak-ng makes at a sign, counted in letters of about 80 ms.
PAUSES = {",": 3.0, ":": 4.0, ";": 4.0, ".": 5.0, "?": 5.0, "!": 5.0}
IGNORED = -100
NOWHERE = -1.0
MOST_TOKENS = 448


class LogMel:
    """Sound to Whisper's log-mel features, on any device."""

    def __init__(self, device: torch.device) -> None:
        filters = FeatureExtractor.get_mel_filters(RATE_HZ, N_FFT, MEL_BANDS)
        self._filters = torch.tensor(filters, dtype=torch.float32, device=device)
        self._window = torch.hann_window(N_FFT, device=device)

    def __call__(self, sound: Tensor) -> Tensor:
        """float32 [B, n] in -1..1 at 16 kHz to [B, 80, n / 160]."""
        spectrum = torch.stft(sound, N_FFT, HOP, window=self._window, center=True, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        mel = (self._filters @ power).clamp(min=1e-10).log10()
        loudest = mel.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(mel, loudest - 8.0) + 4) / 4


class Tokens:
    """The tokenizer and the ids of Whisper's special tokens."""

    def __init__(self, path: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(path))
        self.end = self._id("<|endoftext|>")
        self.start = self._id("<|startoftranscript|>")
        self.dutch = self._id("<|nl|>")
        self.english = self._id("<|en|>")
        self.transcribe = self._id("<|transcribe|>")
        self.previous = self._id("<|startofprev|>")
        self.no_times = self._id("<|notimestamps|>")
        self.time_zero = self._id("<|0.00|>")
        self._known: dict[str, list[int]] = {}

    def _id(self, token: str) -> int:
        number = self.tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"the tokenizer has no {token}")
        return number

    def text(self, text: str) -> list[int]:
        """The ids of a line as it stands in a transcript (with the leading space Whisper puts)."""
        if text not in self._known:
            self._known[text] = self.tokenizer.encode(" " + text).ids
        return self._known[text]

    def spoken_share(self, text: str) -> list[float]:
        """Where in the line, 0..1, each token is spoken: by its letters, a sign counting for the pause it makes."""
        encoding = self.tokenizer.encode(" " + text)
        padded = " " + text
        length = len(padded.rstrip(".?!"))
        # The sign at the end is silent: what is kept of the speech stops there.
        letters = [PAUSES.get(letter, 1.0) if place < length else 1.0 for place, letter in enumerate(padded)]
        weights = [sum(letters[a:b]) for a, b in encoding.offsets]
        total, share, before = sum(weights) or 1.0, [], 0.0
        for weight in weights:
            share.append((before + weight / 2) / total)
            before += weight
        return [min(1.0, value) for value in share]


@dataclass
class Window:
    """One training example: sound [n], tokens, the frame each token is spoken at (NOWHERE if none), letters."""

    sound: np.ndarray
    tokens: list[int]
    frames: list[float]
    prompt: int
    letters: list[int]


@dataclass
class Batch:
    """Tensors of several windows: mel input, shifted tokens, labels, frames [B, T], letters with their counts."""

    sound: Tensor
    given: Tensor
    wanted: Tensor
    frames: Tensor
    letters: Tensor
    letter_counts: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


class Windows:
    """Draws windows of spoken lines from one seeded source of chance."""

    def __init__(self, spoken: Spoken, tokens: Tokens, seed: int | str) -> None:
        self._spoken = spoken
        self._tokens = tokens
        self._chance = random.Random(seed)
        self._noise = np.random.default_rng(self._chance.getrandbits(64))
        self._shares: dict[str, list[float]] = {}

    def batch(self, count: int, seconds: float, *, sparse: bool = False, plain: bool = False) -> Batch:
        """``count`` windows of ``seconds``; ``sparse`` ones may hold little speech, ``plain`` ones have no noise."""
        return self._collate([self._window(seconds, sparse=sparse, plain=plain) for _ in range(count)])

    def _line(self) -> Line:
        return self._chance.choice(self._spoken.lines)

    def _window(self, seconds: float, *, sparse: bool, plain: bool) -> Window:
        chance, tokens = self._chance, self._tokens
        size = round(seconds * RATE_HZ)
        sound = np.zeros(size, np.float32)
        full = chance.uniform(0.02, 0.97) if sparse else chance.uniform(0.6, 0.97)
        position = round(chance.uniform(0, 0.6) * RATE_HZ) if chance.random() < 0.8 else 0
        times = chance.random() < 0.6
        # Behind the voice detector speech often runs on to the end of a window; Whisper then gives only the start
        # time of the last line, and the next window begins there.
        cut_last = times and chance.random() < 0.5
        said: list[int] = []
        frames: list[float] = []
        texts: list[str] = []
        while True:
            line = self._line()
            if position + line.size > size - 1600:
                room = size - position
                if cut_last and texts and 4800 < room < line.size:
                    sound[position:] += self._spoken.samples(line)[:room] * chance.uniform(0.6, 1.0)
                    said.append(tokens.time_zero + round(position / FRAME))
                    frames.append(position / FRAME)
                    # The letter head hears the cut line too; how far it got is good enough by proportion.
                    texts.append(line.text[: int(len(line.text) * room / line.size)].lower())
                    break
                if texts:
                    break
                position = 0
                if line.size > size - 1600:
                    continue
            sound[position : position + line.size] += self._spoken.samples(line) * chance.uniform(0.6, 1.0)
            first, last = position / FRAME, (position + line.size) / FRAME
            ids = tokens.text(line.text)
            if times:
                said.append(tokens.time_zero + round(first))
                frames.append(first)
            voiced = first + LEAD_S * 50, last - TAIL_S * 50
            said += ids
            frames += [voiced[0] + share * (voiced[1] - voiced[0]) for share in self._share(line.text)]
            if times:
                said.append(tokens.time_zero + round(last))
                frames.append(last)
            texts.append(line.text.lower())
            pause = chance.uniform(0.1, 2.2) if chance.random() < 0.15 else chance.uniform(0.1, 0.9)
            position += line.size + round(pause * RATE_HZ)
            if position > full * size:
                break
        if not plain and chance.random() < 0.5:
            sound += self._noise.standard_normal(size, np.float32) * 10 ** chance.uniform(-4, -2.3)
        prompt: list[int] = []
        if not plain and chance.random() < 0.08:
            prompt = [tokens.previous, *tokens.text(self._line().text)[-60:]]
        head = [*prompt, tokens.start, tokens.dutch, tokens.transcribe, *([] if times else [tokens.no_times])]
        letters = [LETTERS.index(letter) + 1 for letter in " ".join(texts) if letter in LETTERS]
        return Window(
            sound=sound,
            tokens=[*head, *said, tokens.end][:MOST_TOKENS],
            frames=[*([NOWHERE] * len(head)), *frames, NOWHERE][:MOST_TOKENS],
            prompt=len(prompt),
            letters=letters,
        )

    def _share(self, text: str) -> list[float]:
        if text not in self._shares:
            self._shares[text] = self._tokens.spoken_share(text)
        return self._shares[text]

    def _collate(self, windows: list[Window]) -> Batch:
        longest = max(len(window.tokens) for window in windows)
        wanted = torch.full((len(windows), longest), IGNORED)
        frames = torch.full((len(windows), longest), NOWHERE)
        for row, window in enumerate(windows):
            wanted[row, : len(window.tokens)] = torch.tensor(window.tokens)
            frames[row, : len(window.frames)] = torch.tensor(window.frames)
        given = wanted[:, :-1].clone()
        given[given == IGNORED] = self._tokens.end
        wanted = wanted[:, 1:].clone()
        for row, window in enumerate(windows):
            # The prompt, the start token and the language are given, never guessed.
            wanted[row, : window.prompt + 2] = IGNORED
        return Batch(
            sound=torch.from_numpy(np.stack([window.sound for window in windows])),
            given=given,
            wanted=wanted,
            frames=frames[:, 1:],
            letters=torch.tensor([letter for window in windows for letter in window.letters]),
            letter_counts=torch.tensor([len(window.letters) for window in windows]),
        )
