"""The features of the training images from the frozen image trunk, computed once and cached; heads train on these."""

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
_BATCH = 16


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One image in one view. view: "plain", "changed" (cropped, flipped, relit, compressed) or "recoloured"."""

    source: str
    name: str
    view: str
    texts: tuple[str, ...]
    group: str
    noun: str
    colour: str | None


@dataclass(frozen=True, slots=True)
class TrunkFeatures:
    """(n, d) float32 trunk features, and the image of each row."""

    rows: Sequence[FeatureRow]
    values: NDArray[np.float32]


class Trunk:
    """The image trunk with stage statistics, run by OpenVINO on as many threads as torch uses."""

    def __init__(self, classifier: Any) -> None:
        """classifier: timm's tf_efficientnet_lite0 with its weights."""
        self.body = image_trunks.StageStatistics("tf_efficientnet_lite0").eval()
        weights = {name: value for name, value in classifier.state_dict().items() if not name.startswith("classifier")}
        self.body.body.load_state_dict(weights)
        self._preprocess = image_transform_v2(PreprocessCfg(**PREPROCESS), is_train=False)
        traced = openvino_tower.trace(self.body, self.body, torch.zeros(2, 3, SIZE, SIZE), (-1, 3, SIZE, SIZE))
        self._tower = openvino_tower.Tower(traced, torch.get_num_threads())

    def __call__(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the features of images, (n, num_features)."""
        batches: list[NDArray[np.float32]] = []
        for start in range(0, len(images), _BATCH):
            pixels: Tensor = torch.stack([self._preprocess(image) for image in images[start : start + _BATCH]])
            batches.append(self._tower(pixels))
        return np.concatenate(batches) if batches else np.empty((0, self.body.num_features), np.float32)


def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the image as another photo of the same product: cropped to 70 to 100 %, flipped, relit, compressed."""
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


# By name. The position of a view is the seed of its random changes.
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
    """Return the features of one source's images in one view, from the cache if it has them.

    The cache key is source and view alone: delete the cache when the images change.
    """
    file = cache / f"{source}-{view}.npz"
    if file.is_file():
        return load(file)
    rng = np.random.default_rng(list(VIEWS).index(view))
    rows: list[FeatureRow] = []
    values: list[NDArray[np.float32]] = []
    pending: list[Image.Image] = []
    for picture in pictures:
        image = VIEWS[view](open_picture(picture.data), rng)
        colour = picture.colour if picture.colour is not None else name_colour(image)
        rows.append(FeatureRow(picture.source, picture.name, view, picture.texts, picture.group, picture.noun, colour))
        pending.append(image)
        if len(pending) == _BATCH:
            values.append(trunk(pending))
            pending.clear()
            progress(len(rows))
    values.append(trunk(pending))
    _save(file, TrunkFeatures(rows, np.concatenate(values)))
    # Loaded again, so that values are rounded as in a run that finds them in the cache.
    return load(file)


def load(file: Path) -> TrunkFeatures:
    """Return the features that `compute` cached."""
    with np.load(file) as cached:
        rows = [FeatureRow(**{**row, "texts": tuple(row["texts"])}) for row in json.loads(str(cached["rows"]))]
        return TrunkFeatures(rows, cached["values"].astype(np.float32))


def _save(file: Path, features: TrunkFeatures) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft.npz")
    with draft.open("wb") as stream:
        rows: list[dict[str, Any]] = [asdict(row) for row in features.rows]
        np.savez(stream, values=features.values.astype(np.float16), rows=np.array(json.dumps(rows)))
    draft.replace(file)
