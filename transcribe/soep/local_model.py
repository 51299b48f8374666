"""A language model in this process: transformers on torch, its answers held to the schema by llguidance.

Nothing is fetched: the model is a folder on this machine with safetensors weights and a fast tokenizer; code that comes
with a model is never run. Needs the extra ``llm``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transcribe.errors import SetupProblem
from transcribe.soep.language_model import ModelFailed
from transcribe.soep.prompting import Message

WEIGHTS = "*.safetensors"
TAIL = 1 << 20  # bytes at the end of each weights file that go into its label


class LocalModel:
    """``LanguageModel`` on a model folder. Loading takes seconds to minutes; not thread-safe.

    ``device``: "cpu", "cuda" or "auto". ``bits``: 16, or 8 or 4 with bitsandbytes on a GPU. Raises ``SetupProblem``
    that says what is missing.
    """

    def __init__(self, path: Path, *, device: str = "auto", bits: int = 16, context_tokens: int = 0) -> None:
        try:
            import llguidance
            import llguidance.hf
            import llguidance.numpy
            import torch
            import transformers
        except ImportError as error:
            raise SetupProblem(
                problem=f"voor een taalmodel in dit programma ontbreekt {error.name}: pip install 'transcribe[llm]'."
            ) from error
        if not path.is_dir() or not any(path.glob(WEIGHTS)) or not (path / "tokenizer.json").is_file():
            raise SetupProblem(problem=f"{path} is geen map met een taalmodel (config, tokenizer.json, *.safetensors).")
        self._torch, self._guide = torch, llguidance
        cuda = torch.cuda.is_available()
        if device == "cuda" and not cuda:
            raise SetupProblem(problem="er is geen GPU voor het taalmodel; kies device cpu of auto.")
        self._device = "cuda" if cuda and device != "cpu" else "cpu"
        self.name = label(path) + ("" if bits == 16 else f" ({bits}-bit)")
        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
        self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.bfloat16 if self._device == "cuda" else torch.float32,
            **self._smaller(transformers, bits),
        ).eval()
        if bits == 16:
            self._model.to(self._device)
        limit = int(getattr(self._model.config, "max_position_embeddings", 0)) or 8192
        self.context_tokens = min(limit, context_tokens or limit)
        self._vocabulary = int(self._model.get_output_embeddings().weight.shape[0])
        self._grammar_tokens: Any = llguidance.hf.from_tokenizer(
            self._tokenizer, n_vocab=self._vocabulary, eos_token=self._ends()
        )

    def _smaller(self, transformers: Any, bits: int) -> dict[str, Any]:
        if bits == 16:
            return {}
        try:
            import bitsandbytes  # noqa: F401
        except ImportError as error:
            raise SetupProblem(problem="8 en 4 bits vragen bitsandbytes en een NVIDIA-GPU.") from error
        config = transformers.BitsAndBytesConfig(
            load_in_8bit=bits == 8, load_in_4bit=bits == 4, bnb_4bit_compute_dtype=self._torch.bfloat16
        )
        return {"quantization_config": config, "device_map": self._device}

    def _ends(self) -> list[int]:
        """Every token that ends a turn: chat models have more than the tokenizer's one."""
        config = self._model.generation_config.eos_token_id
        found = config if isinstance(config, list) else [config]
        return [int(token) for token in dict.fromkeys([*found, self._tokenizer.eos_token_id]) if token is not None]

    def count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def complete(self, asked: Sequence[Message], schema: Mapping[str, object], *, most_tokens: int) -> str:
        """The most probable answer the grammar allows, token by token."""
        torch, guide = self._torch, self._guide
        grammar = guide.LLMatcher.grammar_from_json_schema(
            json.dumps(schema, ensure_ascii=False), defaults={"whitespace_flexible": False}
        )
        matcher = guide.LLMatcher(self._grammar_tokens, grammar)
        if matcher.is_error():
            raise ModelFailed("het antwoordschema past niet bij het taalmodel")
        mask = guide.numpy.allocate_token_bitmask(1, self._vocabulary)
        ids = self._question(asked)
        if len(ids) + most_tokens > self.context_tokens:
            raise ModelFailed("het gesprek is te lang voor het taalmodel")
        answer: list[int] = []
        past = None
        with torch.inference_mode():
            step = torch.tensor([ids], device=self._device)
            while len(answer) < most_tokens:
                out = self._model(input_ids=step, past_key_values=past, use_cache=True, logits_to_keep=1)
                past = out.past_key_values
                scores = out.logits[0, -1].float().cpu()
                guide.numpy.fill_next_token_bitmask(matcher, mask)
                allowed = torch.from_numpy(_bits(mask[0], self._vocabulary))
                token = int(scores.masked_fill(~allowed, float("-inf")).argmax())
                if token in self._grammar_tokens.eos_tokens or not matcher.consume_token(token):
                    break
                answer.append(token)
                if matcher.is_stopped():
                    break
                step = torch.tensor([[token]], device=self._device)
        if not matcher.is_accepting():
            raise ModelFailed("het taalmodel kwam niet tot een heel antwoord")
        return str(self._tokenizer.decode(answer, skip_special_tokens=True))

    def _question(self, asked: Sequence[Message]) -> list[int]:
        """The messages in the form this model was trained on; in a plain form when it names none."""
        turns = [{"role": message.role, "content": message.text} for message in asked]
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False, enable_thinking=False
            )
        else:
            text = "\n\n".join(f"{turn['role']}:\n{turn['content']}" for turn in turns) + "\n\nassistant:\n"
        return list(self._tokenizer(text, add_special_tokens=not self._tokenizer.chat_template)["input_ids"])


def _bits(mask: Any, size: int) -> Any:
    """The packed mask as booleans."""
    import numpy

    return numpy.unpackbits(mask.view(numpy.uint8), bitorder="little")[:size].astype(bool)


def label(path: Path) -> str:
    """Name and version of a model folder: a hash over its small files, and the size and end of each weights file."""
    found = hashlib.sha256()
    for file in sorted((*path.glob("*.json"), *path.glob("*.jinja"))):
        found.update(file.name.encode() + file.read_bytes())
    for file in sorted(path.glob(WEIGHTS)):
        size = file.stat().st_size
        with file.open("rb") as weights:
            weights.seek(max(0, size - TAIL))
            found.update(f"{file.name} {size}".encode() + weights.read())
    return f"{path.name}@{found.hexdigest()[:12]}"
