"""What the frozen image trunk sees in the training pictures, computed once and kept: heads train on nothing else."""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageEnhance
from torch import Tensor

from engine.encoders import image_trunks, openvino_tower
from indexer.train.alignment.colours import name_colour, recolour
from indexer.train.alignment.training_images import TrainingImage, open_picture

SIZE = 224
PREPROCESS: dict[str, Any] = {
    "size": SIZE,
    "mode": "RGB",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One picture as it was looked at. view: plain, changed (cut, flipped, lit, compressed) or recoloured."""

    source: str
    name: str
    view: str
    texts: tuple[str, ...]
    group: str
    noun: str
    colour: str | None


@dataclass(frozen=True, slots=True)
class TrunkFeatures:
    """(n, d) float32 trunk features and what each row is of."""

    rows: Sequence[FeatureRow]
    values: NDArray[np.float32]


class Trunk:
    """The image trunk with stage statistics, computed by OpenVINO on as many threads as torch has."""

    def __init__(self, classifier: Any) -> None:
        """classifier: timm's tf_efficientnet_lite0 with its weights."""
        self.body = image_trunks.StageStatistics("tf_efficientnet_lite0").eval()
        weights = {name: value for name, value in classifier.state_dict().items() if not name.startswith("classifier")}
        self.body.body.load_state_dict(weights)
        self._preprocess = image_transform_v2(PreprocessCfg(**PREPROCESS), is_train=False)
        traced = openvino_tower.trace(self.body, self.body, torch.zeros(2, 3, SIZE, SIZE), (-1, 3, SIZE, SIZE))
        self._tower = openvino_tower.Tower(traced, torch.get_num_threads())

    def __call__(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return (n, num_features)."""
        batches: list[NDArray[np.float32]] = []
        for start in range(0, len(images), _AT_ONCE):
            pixels: Tensor = torch.stack([self._preprocess(image) for image in images[start : start + _AT_ONCE]])
            batches.append(self._tower(pixels))
        return np.concatenate(batches) if batches else np.empty((0, self.body.num_features), np.float32)


def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the picture as another photo of the same might be: cut to 70 to 100 %, flipped, lit, compressed."""
    share = rng.uniform(0.7, 1.0)
    width, height = round(image.width * share), round(image.height * share)
    x, y = (int(rng.integers(0, room + 1)) for room in (image.width - width, image.height - height))
    image = image.crop((x, y, x + width, y + height))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = ImageEnhance.Brightness(image).enhance(float(rng.uniform(0.75, 1.3)))
    image = ImageEnhance.Contrast(image).enhance(float(rng.uniform(0.85, 1.15)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(40, 85)))
    return Image.open(buffer).convert("RGB")


# By name; the place of each is the seed of what is drawn for it.
VIEWS: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "plain": lambda image, rng: image,
    "changed": change,
    "recoloured": recolour,
}


def compute(
    trunk: Trunk,
    source: str,
    view: str,
    pictures: Iterable[TrainingImage],
    cache: Path,
    progress: Callable[[int], None],
) -> TrunkFeatures:
    """Return the features of one source's pictures in one view, from the cache if they are in it.

    The cache knows them by source and view alone: remove it when the pictures change.
    """
    file = cache / f"{source}-{view}.npz"
    if file.is_file():
        return load(file)
    rng = np.random.default_rng(list(VIEWS).index(view))
    rows: list[FeatureRow] = []
    values: list[NDArray[np.float32]] = []
    waiting: list[Image.Image] = []
    for picture in pictures:
        image = VIEWS[view](open_picture(picture.data), rng)
        colour = picture.colour if picture.colour is not None else name_colour(image)
        rows.append(FeatureRow(picture.source, picture.name, view, picture.texts, picture.group, picture.noun, colour))
        waiting.append(image)
        if len(waiting) == _AT_ONCE:
            values.append(trunk(waiting))
            waiting.clear()
            progress(len(rows))
    values.append(trunk(waiting))
    _save(file, TrunkFeatures(rows, np.concatenate(values)))
    # As it will be read by a run that goes on, rounded.
    return load(file)


def load(file: Path) -> TrunkFeatures:
    """Return what `compute` kept."""
    with np.load(file) as kept:
        rows = [FeatureRow(**{**row, "texts": tuple(row["texts"])}) for row in json.loads(str(kept["rows"]))]
        return TrunkFeatures(rows, kept["values"].astype(np.float32))


def _save(file: Path, features: TrunkFeatures) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft.npz")
    with draft.open("wb") as stream:
        rows: list[dict[str, Any]] = [asdict(row) for row in features.rows]
        np.savez(stream, values=features.values.astype(np.float16), rows=np.array(json.dumps(rows)))
    draft.replace(file)
