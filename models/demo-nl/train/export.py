"""From a checkpoint to the files faster-whisper loads: CTranslate2 int8, tokenizer and front-end settings."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from pathlib import Path

from ctranslate2.converters.transformers import WhisperLoader
from features import HOP, MEL_BANDS, N_FFT, Tokens
from model import GUIDED_HEADS, GUIDED_LAYERS
from speech import RATE_HZ
from train import load_weights
from transformers import WhisperConfig, WhisperForConditionalGeneration

FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")
WINDOW_S = 30
# CTranslate2 takes an empty string in the vocabulary as the mark of a multilingual model. The byte C0 never occurs in
# UTF-8, so its token (written as the letter below in byte-level BPE) is free for that.
FREE_TOKEN = "À"


def export(checkpoint: Path, tokenizer: Path, target: Path) -> int:
    """Write the model files to ``target``, replacing them one right after the other; returns their size in bytes."""
    size, weights = load_weights(checkpoint)
    tokens = Tokens(tokenizer)
    config = WhisperConfig(
        vocab_size=size.vocabulary,
        num_mel_bins=size.mel_bands,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width,
        d_model=size.width,
        max_source_positions=size.encoder_frames,
        max_target_positions=size.tokens,
        pad_token_id=tokens.end,
        bos_token_id=tokens.end,
        eos_token_id=tokens.end,
        decoder_start_token_id=tokens.start,
        suppress_tokens=[],
        begin_suppress_tokens=[tokens.end],
    )
    network = WhisperForConditionalGeneration(config)
    named = {f"model.{name}": value for name, value in weights.items() if not name.startswith("ctc.")}
    result = network.load_state_dict(named, strict=False)
    if result.unexpected_keys or set(result.missing_keys) - {"proj_out.weight"}:
        raise ValueError(f"weights do not fit: missing {result.missing_keys}, unexpected {result.unexpected_keys}")
    network.tie_weights()
    network.eval()

    spec = WhisperLoader().get_model_spec(network)
    vocabulary = [tokens.tokenizer.id_to_token(number) for number in range(tokens.tokenizer.get_vocab_size())]
    vocabulary[vocabulary.index(FREE_TOKEN)] = ""
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.end]
    spec.config.lang_ids = [tokens.english, tokens.dutch]
    guided = range(size.decoder_layers - GUIDED_LAYERS, size.decoder_layers)
    spec.config.alignment_heads = [(layer, head) for layer in guided for head in range(GUIDED_HEADS)]
    spec.validate()
    spec.optimize(quantization="int8")

    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        made = Path(folder)
        spec.save(str(made))
        shutil.copyfile(tokenizer, made / "tokenizer.json")
        (made / "preprocessor_config.json").write_text(json.dumps(_front_end()), encoding="utf-8")
        total = sum((made / name).stat().st_size for name in FILES)
        for name in FILES:
            (made / name).replace(target / name)
    logging.getLogger(__name__).info("exported %s (%d bytes)", target, total)
    return total


def _front_end() -> dict[str, object]:
    return {
        "chunk_length": WINDOW_S,
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": MEL_BANDS,
        "hop_length": HOP,
        "n_fft": N_FFT,
        "n_samples": WINDOW_S * RATE_HZ,
        "nb_max_frames": WINDOW_S * RATE_HZ // HOP,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
        "sampling_rate": RATE_HZ,
    }
