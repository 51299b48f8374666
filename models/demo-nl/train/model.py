"""Whisper in plain PyTorch, with the parameter names of transformers, plus a letter head that training alone uses.

Shapes: B batch, M mel bands, F mel frames (10 ms), E = F / 2 encoder frames (20 ms), T tokens, D width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn


@dataclass(frozen=True)
class Size:
    """The size of the network; the defaults are the shipped model (8.0 M parameters)."""

    width: int = 256
    heads: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 3
    vocabulary: int = 2711
    letters: int = 48
    mel_bands: int = 80
    encoder_frames: int = 1500
    tokens: int = 448


TINY = Size(width=32, heads=2, encoder_layers=1, decoder_layers=2)
# Full-size sinusoids drown the first features; at a tenth the encoder learns within a hundred steps.
POSITION_SCALE = 0.1
# The attention heads that guided attention trains, in each of the last two decoder layers; the export calls them the
# alignment heads, so word times work as well.
GUIDED_LAYERS, GUIDED_HEADS = 2, 2


def sinusoids(length: int, width: int) -> Tensor:
    """Whisper's fixed positions, [length, width]."""
    inverse = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angle = torch.arange(length)[:, None] * inverse[None]
    return torch.cat([angle.sin(), angle.cos()], 1)


class Attention(nn.Module):
    """Multi-head attention; ``weights`` says to return the attention as well."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], -1, self.heads, x.shape[-1] // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Attend from x [B, T, D] to source [B, S, D] (x itself by default); returns [B, T, D]."""
        source = x if source is None else source
        mixed = F.scaled_dot_product_attention(
            self._split(self.q_proj(x)),
            self._split(self.k_proj(source)),
            self._split(self.v_proj(source)),
            is_causal=causal,
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(x.shape))

    def with_weights(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, and the attention of the guided heads, [B, GUIDED_HEADS, T, S]."""
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(source)), self._split(self.v_proj(source))
        weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(x.shape)
        return self.out_proj(mixed), weights[:, :GUIDED_HEADS]


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, both behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, drop: float) -> Tensor:
        """[B, E, D] to [B, E, D]."""
        x = x + F.dropout(self.self_attn(self.self_attn_layer_norm(x)), drop, self.training)
        return x + F.dropout(self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), drop, self.training)


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder and a feed-forward part."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = Attention(width, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, encoded: Tensor, drop: float, *, look: bool) -> tuple[Tensor, Tensor | None]:
        """[B, T, D] to [B, T, D]; with ``look`` also the guided attention [B, GUIDED_HEADS, T, E]."""
        x = x + F.dropout(self.self_attn(self.self_attn_layer_norm(x), causal=True), drop, self.training)
        asking = self.encoder_attn_layer_norm(x)
        weights = None
        if look:
            heard, weights = self.encoder_attn.with_weights(asking, encoded)
        else:
            heard = self.encoder_attn(asking, encoded)
        x = x + F.dropout(heard, drop, self.training)
        x = x + F.dropout(self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), drop, self.training)
        return x, weights


class Encoder(nn.Module):
    """Log-mel features to encoder frames."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(size.mel_bands, size.width, 3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(size.encoder_frames, size.width)
        self.embed_positions.weight.data = sinusoids(size.encoder_frames, size.width) * POSITION_SCALE
        self.embed_positions.weight.requires_grad_(False)
        self.layers = nn.ModuleList(EncoderLayer(size.width, size.heads) for _ in range(size.encoder_layers))
        self.layer_norm = nn.LayerNorm(size.width)

    def forward(self, mel: Tensor, drop: float = 0.0) -> Tensor:
        """[B, M, F] to [B, E, D]."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        for layer in self.layers:
            x = layer(x, drop)
        return self.layer_norm(x)


class Decoder(nn.Module):
    """Tokens so far and encoder frames to the state that predicts the next token."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(size.vocabulary, size.width)
        self.embed_positions = nn.Embedding(size.tokens, size.width)
        self.layers = nn.ModuleList(DecoderLayer(size.width, size.heads) for _ in range(size.decoder_layers))
        self.layer_norm = nn.LayerNorm(size.width)
        nn.init.normal_(self.embed_tokens.weight, 0, size.width**-0.5)
        nn.init.normal_(self.embed_positions.weight, 0, 0.02)

    def forward(
        self, tokens: Tensor, encoded: Tensor, drop: float = 0.0, *, look: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """tokens [B, T] and encoded [B, E, D] to next-token scores [B, T, V] and the guided attentions."""
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        seen: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            guided = look and number >= len(self.layers) - GUIDED_LAYERS
            x, weights = layer(x, encoded, drop, look=guided)
            if weights is not None:
                seen.append(weights)
        # Whisper predicts with the same matrix that embeds.
        return F.linear(self.layer_norm(x), self.embed_tokens.weight), seen


class Whisper(nn.Module):
    """Encoder, decoder and the letter head (CTC) that keeps the encoder listening to letters while training."""

    def __init__(self, size: Size = Size()) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.decoder = Decoder(size)
        self.ctc = nn.Linear(size.width, size.letters)

    def trained(self) -> Iterable[nn.Parameter]:
        """The parameters that training changes."""
        return (p for p in self.parameters() if p.requires_grad)
