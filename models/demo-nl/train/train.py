"""The training loop: next-token loss, a letter loss on the encoder (CTC) and guided attention.

Guided attention is what makes the decoder listen: synthetic speech comes with the time of every word, so two heads of
each of the last two decoder layers are told to look within a quarter of a second of the word being written. Without it
the decoder learns the sentences by heart and guesses.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from features import IGNORED, Batch, LogMel, Tokens, Windows
from model import Size, Whisper
from speech import Spoken
from torch import Tensor

NEAR_FRAMES = 12


@dataclass(frozen=True)
class Plan:
    """How to train. Training ends at ``minutes`` or ``steps``, whichever comes first, counted over all resumes."""

    minutes: float = 120.0
    steps: int = 1_000_000
    rate: float = 6e-4
    # The encoder of a checkpoint already hears well: it changes more slowly, and only in one of so many steps. A step
    # that leaves it alone costs half, and the decoder is what has most to learn.
    encoder_rate: float = 0.5
    encoder_every: int = 3
    # After each fresh batch so many earlier ones are decoded again from their kept encoder frames, at a third of the
    # price of a fresh one. Only the last few are kept, so the encoder has hardly changed since.
    replays: int = 2
    kept: int = 96
    warm_up: int = 60
    # The rate stays up for this share of the time and then sinks to nearly nothing.
    level: float = 0.4
    short_seconds: float = 9.0
    short_batch: int = 12
    long_seconds: float = 30.0
    long_batch: int = 4
    # The share of batches made of full 30 s windows, what the model meets in use.
    long_share: float = 0.3
    letter_weight: float = 0.3
    guide_weight: float = 0.4
    smoothing: float = 0.05
    drop: float = 0.05
    save_every_s: float = 180.0
    seed: int = 31
    threads: int = 2
    # Multiply in bfloat16: about twice as fast on a processor or GPU that has it, slower on one that has not.
    half: bool = False


def letter_loss(model: Whisper, encoded: Tensor, batch: Batch) -> Tensor:
    """How badly the encoder frames [B, E, D] spell what is said."""
    scores = model.ctc(encoded).float().log_softmax(-1).transpose(0, 1)
    lengths = torch.full((encoded.shape[0],), encoded.shape[1])
    return F.ctc_loss(scores, batch.letters, lengths, batch.letter_counts, zero_infinity=True)


def word_losses(model: Whisper, encoded: Tensor, batch: Batch, plan: Plan) -> tuple[Tensor, Tensor]:
    """How badly the decoder predicts the next token, and how far it looks from where the token is spoken."""
    scores, seen = model.decoder(batch.given, encoded, plan.drop, look=True)
    words = F.cross_entropy(
        scores.float().flatten(0, 1), batch.wanted.flatten(), ignore_index=IGNORED, label_smoothing=plan.smoothing
    )
    placed = batch.frames >= 0
    places = torch.arange(encoded.shape[1], device=encoded.device)
    near = ((places[None, None] - batch.frames[..., None]).abs() <= NEAR_FRAMES).float()
    guide = torch.zeros((), device=encoded.device)
    for weights in seen:
        on_target = (weights.float() * near[:, None]).sum(-1).clamp(min=1e-6).log()
        guide = guide - (on_target * placed[:, None]).sum() / placed.sum().clamp(min=1) / (len(seen) * weights.shape[1])
    return words, guide


def mask_bands(mel: Tensor, chance: random.Random) -> Tensor:
    """Hide a few neighbouring mel bands of every window, so that no single band is trusted."""
    for row in range(mel.shape[0]):
        height = chance.randrange(0, 10)
        first = chance.randrange(0, mel.shape[1] - height)
        mel[row, first : first + height] = mel[row].mean()
    return mel


def learning_rate(plan: Plan, step: int, progress: float) -> float:
    """Warm up, stay level, then a cosine down to two hundredths."""
    rate = plan.rate * min(1.0, (step + 1) / plan.warm_up)
    if progress <= plan.level:
        return rate
    sunk = (progress - plan.level) / (1 - plan.level)
    return rate * max(0.02, 0.5 * (1 + math.cos(math.pi * min(1.0, sunk))))


def load_weights(path: Path) -> tuple[Size, dict[str, Tensor]]:
    """Size and float32 weights of a checkpoint, full or half precision; old ones carry no size."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    size = Size(**stored["size"]) if "size" in stored else Size()
    return size, {name: value.float() for name, value in stored["m"].items()}


def mix(start: Path, trained: Path, share: float, target: Path) -> None:
    """Write weights between two checkpoints of one training, in half precision: ``share`` 0..1 of ``trained``.

    Halfway the model kept what the start knew of the patterns and most of what was learned of free talk; measure it.
    """
    size, before = load_weights(start)
    _, after = load_weights(trained)
    weights = {name: ((1 - share) * before[name] + share * value).half() for name, value in after.items()}
    _put(target, {"m": weights, "size": asdict(size)})


def save_half(model: Whisper, path: Path) -> None:
    """Weights in half precision: small enough to keep, good enough to go on from."""
    half = {name: value.half() for name, value in model.state_dict().items()}
    _put(path, {"m": half, "size": asdict(model.size)})


def _put(path: Path, content: dict[str, Any]) -> None:
    fresh = path.with_suffix(".tmp")
    torch.save(content, fresh)
    fresh.replace(path)


class Trainer:
    """Trains in ``folder``: ``state.pt`` holds everything needed to go on after any interruption."""

    def __init__(
        self, folder: Path, spoken: Spoken, held: Spoken, tokens: Tokens, plan: Plan, device: torch.device
    ) -> None:
        self.plan, self.device, self._tokens, self._spoken = plan, device, tokens, spoken
        self._state = folder / "state.pt"
        self._half = folder / "checkpoint.pt"
        self._mel = LogMel(device)
        self.model = Whisper()
        self._kept: deque[tuple[Batch, Tensor]] = deque(maxlen=plan.kept)
        self.step, self._seconds = 0, 0.0
        self._held = Windows(held, tokens, "held").batch(8, min(30.0, plan.long_seconds), plain=True).to(device)

    def begin(self, start: Path | None, size: Size) -> None:
        """Go on from ``state.pt`` if there is one, else from the weights in ``start``, else from nothing."""
        torch.manual_seed(self.plan.seed)
        stored: dict[str, Any] | None = None
        if self._state.exists():
            stored = torch.load(self._state, map_location="cpu", weights_only=True)
            size, weights = Size(**stored["size"]), stored["m"]
        elif start is not None:
            size, weights = load_weights(start)
        else:
            weights = None
        self.model = Whisper(size)
        if weights is not None:
            self.model.load_state_dict(weights)
        self.model.to(self.device)
        encoder = [p for p in self.model.encoder.parameters() if p.requires_grad] + list(self.model.ctc.parameters())
        self._optimizer = torch.optim.AdamW(
            [{"params": list(self.model.decoder.parameters())}, {"params": encoder}],
            lr=self.plan.rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
        )
        if stored is not None:
            self._optimizer.load_state_dict(stored["optimizer"])
            self.step, self._seconds = stored["step"], stored["seconds"]

    def save(self) -> None:
        """Write the state to go on from, and the weights in half precision."""
        content = {
            "m": self.model.state_dict(),
            "size": asdict(self.model.size),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "seconds": self._seconds,
        }
        _put(self._state, content)
        save_half(self.model, self._half)

    def progress(self) -> float:
        """How much of the training is done, 0..1."""
        return max(self.step / self.plan.steps, self._seconds / 60 / self.plan.minutes)

    def run(self, say: Callable[[str], None]) -> None:
        """Train until done, saving every few minutes; lines of corpus spoken meanwhile are taken in."""
        plan = self.plan
        # A resumed run draws other windows than the first part did, but always the same ones.
        windows = Windows(self._spoken, self._tokens, f"{plan.seed}-{self.step}")
        chance = random.Random(f"{plan.seed}-kinds-{self.step}")
        told: list[Tensor] = []
        saved = last = time.monotonic()
        self.model.train()
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._draw, windows, chance)
            while self.progress() < 1:
                began = time.monotonic()
                if self._kept and self.step % (1 + plan.replays):
                    batch, encoded = random.Random(self.step).choice(self._kept)
                    told.append(self._learn(batch, encoded.float(), None))
                else:
                    batch, mask = coming.result()
                    coming = ahead.submit(self._draw, windows, chance)
                    told.append(self._fresh_step(batch.to(self.device), mask=mask))
                self.step += 1
                self._seconds += time.monotonic() - began
                if self.step % 50 == 0:
                    pace = (time.monotonic() - last) / len(told)
                    word, letter, guide = torch.stack(told).nanmean(0).tolist()
                    say(
                        f"step {self.step} minute {self._seconds / 60:.1f} words {word:.3f} letters {letter:.3f} "
                        f"guide {guide:.3f} rate {self._optimizer.param_groups[0]['lr']:.5f} {pace:.2f} s/step"
                    )
                    told, last = [], time.monotonic()
                if time.monotonic() - saved > plan.save_every_s:
                    self.save()
                    self._spoken.refresh()
                    say(self.held_out())
                    saved = time.monotonic()
        self.save()
        say(self.held_out())

    def _draw(self, windows: Windows, chance: random.Random) -> tuple[Batch, bool]:
        plan = self.plan
        if chance.random() < plan.long_share:
            return windows.batch(plan.long_batch, plan.long_seconds, sparse=chance.random() < 0.5), False
        return windows.batch(plan.short_batch, plan.short_seconds), chance.random() < 0.3

    def _fresh_step(self, batch: Batch, *, mask: bool) -> Tensor:
        plan = self.plan
        mel = self._mel(batch.sound)
        if mask:
            mel = mask_bands(mel, random.Random(self.step))
        encoder_too = self.step // (1 + plan.replays) % plan.encoder_every == 0
        with torch.set_grad_enabled(encoder_too), self._fast():
            encoded = self.model.encoder(mel, plan.drop)
            letters = letter_loss(self.model, encoded, batch) if encoder_too else None
        # Frames the encoder has just learned from are frames to decode again as well.
        if plan.replays:
            self._kept.append((batch, encoded.detach().half()))
        return self._learn(batch, encoded, letters)

    def _fast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.half)

    def _learn(self, batch: Batch, encoded: Tensor, letters: Tensor | None) -> Tensor:
        """One step of the optimizer; returns the word, letter (as far as known) and guide losses."""
        plan = self.plan
        rate = learning_rate(plan, self.step, self.progress())
        self._optimizer.param_groups[0]["lr"] = rate
        self._optimizer.param_groups[1]["lr"] = rate * plan.encoder_rate
        with self._fast():
            words, guide = word_losses(self.model, encoded, batch, plan)
        total = words + plan.guide_weight * guide
        if letters is not None:
            total = total + plan.letter_weight * letters
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.trained(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return torch.tensor([words.item(), float("nan") if letters is None else letters.item(), guide.item()])

    @torch.no_grad()
    def held_out(self) -> str:
        """Loss and share of right tokens on held-out sentences, as a line of text."""
        self.model.eval()
        encoded = self.model.encoder(self._mel(self._held.sound))
        letters = letter_loss(self.model, encoded, self._held).item()
        scores, _ = self.model.decoder(self._held.given, encoded)
        words = F.cross_entropy(scores.flatten(0, 1), self._held.wanted.flatten(), ignore_index=IGNORED).item()
        asked = self._held.wanted != IGNORED
        right = (scores.argmax(-1) == self._held.wanted)[asked].float().mean().item()
        self.model.train()
        return f"held out: words {words:.3f} letters {letters:.3f} right {right:.3f}"
