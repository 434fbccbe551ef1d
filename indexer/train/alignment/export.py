"""Export of the trained head and its two towers as a folder in open_clip's format."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from open_clip.factory import create_model
from safetensors.torch import save_file
from torch import Tensor

from engine.encoders.checkpoint import CONFIG, WEIGHTS, ModelFiles
from engine.encoders.image_trunks import SEMANTIC, VISUAL
from indexer.train.alignment.packages import Packages
from indexer.train.alignment.sentence_vectors import MAX_TOKENS, open_sentence_model
from indexer.train.alignment.trunk_features import PREPROCESS, Trunk

TEXT_TOWER = "text"

MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": SEMANTIC + VISUAL,
    "vision_cfg": {
        "image_size": PREPROCESS["size"],
        "timm_model_name": "efficientnet_lite0_aligned",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "none",
    },
    "text_cfg": {
        "hf_model_name": TEXT_TOWER,
        "hf_tokenizer_name": "local",
        "hf_proj_type": "linear",
        "hf_pooler_type": "mean_pooler",
        "hf_model_pretrained": False,
        "context_length": MAX_TOKENS,
    },
    "custom_text": True,
}


def export(folder: Path, packages: Packages, trunk: Trunk, layers: Mapping[str, Tensor]) -> None:
    """Write the model's configuration, tokenizer and weights (float16, 70 MB) into a folder.

    The text projection is the identity padded with zeros, so that the similarity of two texts is that of the sentence
    model.

    Args:
        layers: Layers of the image trunk after its features, from `join`.
    """
    (folder / TEXT_TOWER).mkdir(parents=True, exist_ok=True)
    for name, data in packages.tokenizer_files().items():
        (folder / name).write_bytes(data)
    text_config = json.dumps(packages.sentence_config(), indent=1) + "\n"
    (folder / TEXT_TOWER / "config.json").write_text(text_config, encoding="utf-8")
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": PREPROCESS}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    source = ModelFiles(f"local-dir:{folder}", None, None)
    model = create_model(source.name, load_weights=False, pretrained_text=False, **source.overrides())
    features = {f"features.{name}": tensor for name, tensor in trunk.body.state_dict().items()}
    model.visual.trunk.load_state_dict({**features, **layers})
    model.text.transformer.load_state_dict(open_sentence_model(packages).state_dict())
    with torch.no_grad():
        model.text.proj.weight.copy_(torch.cat([torch.eye(SEMANTIC), torch.zeros(VISUAL, SEMANTIC)]))
    weights = {name: _pack(tensor) for name, tensor in model.state_dict().items()}
    save_file(weights, str(folder / WEIGHTS))
    (folder / WEIGHTS).chmod(0o644)


def _pack(tensor: Tensor) -> Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous().clone()
