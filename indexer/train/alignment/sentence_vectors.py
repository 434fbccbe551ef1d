"""The vectors of the training texts from the frozen sentence model, computed once and cached."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from indexer.train.alignment.packages import Packages

MAX_TOKENS = 77
_BATCH = 32


class SentenceVectors:
    """Texts to (384,) unit rows, cached in one file."""

    def __init__(self, packages: Packages, cache: Path) -> None:
        self._packages = packages
        self._file = cache / "sentences.npz"
        self._known: dict[str, Tensor] = {}
        if self._file.is_file():
            with np.load(self._file) as cached:
                rows = torch.from_numpy(cached["rows"]).float()
                self._known = dict(zip(cached["texts"].tolist(), rows, strict=True))

    def __call__(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Tensor:
        """Return (n, 384) unit rows."""
        new = sorted({text for text in texts if text not in self._known}, key=len)
        if new:
            tokenizer = Tokenizer.from_buffer(self._packages.tokenizer_files()["tokenizer.json"])
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.enable_padding()
            model = open_sentence_model(self._packages)
            with torch.inference_mode():
                for start in range(0, len(new), _BATCH):
                    encodings = tokenizer.encode_batch(new[start : start + _BATCH])
                    ids, mask = (
                        torch.tensor([getattr(t, name) for t in encodings]) for name in ("ids", "attention_mask")
                    )
                    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
                    rows = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
                    rows = torch.nn.functional.normalize(rows, dim=-1).half().float()
                    self._known.update(zip(new[start : start + _BATCH], rows, strict=True))
                    progress(start)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            names = list(self._known)
            cached_rows = torch.stack([self._known[name] for name in names]).half().numpy()
            np.savez(self._file, texts=np.array(names), rows=cached_rows)
        return torch.stack([self._known[text] for text in texts])


def open_sentence_model(packages: Packages) -> BertModel:
    """Return MiniLM without a pooling layer, in evaluation mode."""
    model = BertModel(BertConfig(**packages.sentence_config()), add_pooling_layer=False).eval()
    weights = {name.removeprefix("bert."): value for name, value in packages.sentence_weights().items()}
    wanted = set(model.state_dict())
    model.load_state_dict({name: value for name, value in weights.items() if name in wanted})
    return model
