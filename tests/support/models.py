"""Small open_clip models of random weights, and the configuration of one that trains in seconds."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

VISION = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
TEXT = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
POOLED = {**VISION, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
CONFIGS: dict[str, dict[str, Any]] = {
    "clip": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT},
    "eos": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {**TEXT, "pool_type": "eos", "eos_id": 49407}},
    "custom": {
        "embed_dim": 24,
        "vision_cfg": VISION,
        "text_cfg": {**TEXT, "proj_bias": True, "qk_norm": True},
        "custom_text": True,
    },
    "coca": {
        "embed_dim": 24,
        "vision_cfg": POOLED,
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {**TEXT, "attn_pooler_heads": 2},
        "custom_text": True,
    },
    "siglip": {
        "embed_dim": 32,
        "vision_cfg": VISION,
        "text_cfg": {**TEXT, "no_causal_mask": True, "pool_type": "last", "proj_type": "none"},
        "custom_text": True,
    },
    "last": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {**TEXT, "pool_type": "last"}, "custom_text": True},
}
TINY_COCA = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 32, "patch_size": 8, "width": 64, "layers": 1, "head_width": 32, "mlp_ratio": 2.0,
        "attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 1, "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 32, "vocab_size": 400, "width": 32, "heads": 1, "layers": 1, "embed_cls": True,
        "output_tokens": True,
    },
    "multimodal_cfg": {"context_length": 32, "vocab_size": 400, "width": 32, "heads": 1, "layers": 1},
}  # fmt: skip
PREPROCESS = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "resize_mode": "shortest"}


def save_model(directory: Path, config: dict[str, Any], preprocess: dict[str, Any], seed: int = 0) -> Path:
    """Write a model of random weights, large enough that every position and every token shows in the vectors."""
    directory.mkdir(parents=True, exist_ok=True)
    settings_ = {"model_cfg": config, "preprocess_cfg": preprocess}
    (directory / "open_clip_config.json").write_text(json.dumps(settings_))
    model = open_clip.create_model(f"local-dir:{directory}", pretrained_text=False)
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: 0.2 * torch.randn(value.shape, generator=generator) if value.ndim else value
        for name, value in model.state_dict().items()
    }
    save_file({name: value.half() for name, value in weights.items()}, directory / "open_clip_model.safetensors")
    return directory
