"""The files of a run: a checkpoint to resume from, and a model that open_clip loads. Both are written atomically."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from indexer.train import train_tokenizer
from indexer.train.architecture import Trainee

NAME = "checkpoint.pt"
_STORED = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state and torch's random state, replacing the last checkpoint atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{NAME}.partial"
    with partial.open("wb") as handle:
        torch.save({**state, "random": torch.get_rng_state()}, handle)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(folder / NAME)


def load(folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint, after restoring torch's random state; None if there is none."""
    path = folder / NAME
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    torch.set_rng_state(state.pop("random"))
    return state


def export(folder: Path, trainee: Trainee, weights: Mapping[str, torch.Tensor], precision: str) -> None:
    """Write the model for `open_clip.create_model_and_transforms("local-dir:FOLDER")`: config, weights, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": trainee.model_cfg, "preprocess_cfg": trainee.preprocess_cfg}
    _replace(folder / "open_clip_config.json", json.dumps(config, indent=2) + "\n")
    if trainee.tokenizer is not None and trainee.model_cfg["text_cfg"].get("hf_tokenizer_name"):
        train_tokenizer.save(trainee.tokenizer, folder)
    tower = trainee.model_cfg["text_cfg"].get("hf_model_name")
    if trainee.owns_text_tower:
        (folder / tower).mkdir(parents=True, exist_ok=True)
        _replace(folder / tower / "config.json", trainee.model.text.config.to_json_string())
    stored = {
        name: value.detach().to(_STORED[precision] if value.is_floating_point() else value.dtype).contiguous().clone()
        for name, value in weights.items()
    }
    partial = folder / "open_clip_model.safetensors.partial"
    save_file(stored, partial)
    partial.chmod(0o644)
    partial.replace(folder / "open_clip_model.safetensors")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as indented JSON, replacing the file atomically."""
    _replace(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
