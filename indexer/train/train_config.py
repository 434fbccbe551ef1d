"""The settings of one training run: flat, so that a command line, a card and a checkpoint can hold them as they are."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What to train on, what to train, how long, and where it goes.

    Data
    catalogs: CSV or JSONL, one row an item: item_id, title, description, image and whatever the templates name.
    photos: CSV or JSONL with further pictures: of the items (`item_id`) of the catalogue in the same folder, or, with
        no catalogue there, of labels (`category`).
    shares: share of a batch for each source, catalogues first, then label sets; empty: by number of pictures.
    text_template: the text an item is found by. caption_templates: what is said of a picture; the first template whose
        fields a row has. label_template: the text of a label.
    short_templates: texts of a word or a few, such as "{product_type}" and "a {color} {product_type}". The texts of a
        batch are of one kind, and each short template is as often the kind as the text, the title and the caption.
    attributes: templates of facts, such as "{color}" and "{color} {accent_color}", that are also learnt by naming them
        from the picture.
    holdout: share of pictures never trained on, chosen with `seed`, for the measured numbers.
    pictures_side: pixels a picture is kept at in memory; 0: 1.4 times the model's size.

    Model
    model: "coca-mini" (small CoCa from scratch), a file with an open_clip model_cfg (from scratch), "mini" (the small
        embedded model), an open_clip architecture, "local-dir:DIR" or "hf-hub:org/repo". pretrained: open_clip's
        weights tag or file, if any.
    vocabulary: tokens of the tokenizer trained on the texts when the model is trained from scratch.
    precision: of the stored weights: fp32, fp16 or bf16. autocast: compute in bfloat16. device: cpu or cuda.

    Optimisation
    steps, batch: length and size. learning_rate is reached after `warmup` steps, kept, and falls to 0 (a cosine) over
    the last share `settle` of the steps; so a run can be resumed with another number of steps. weight_decay: AdamW's.
    ema: decay of the averaged weights, which are the ones stored; 0: none. threads: 0 as found.
    patch_dropout: share of image patches left out while not settling. mix: share of a batch's photos that are blended
    with another one; a third of it while settling.

    Objective
    clip_weight, caption_weight, image_weight, attribute_weight: contrastive, captions (CoCa only), pictures of one item
    among themselves and photos with product pictures, and the named attributes.
    captions: pictures of a batch that are captioned. caption_steps: then so many steps of the caption decoder alone, on
    the finished model (about a tenth of the cost). smoothing: label smoothing of the contrastive targets.

    Pairs
    pairs: CSV or JSONL of queries and what is right for them: `query` or `query_image`, `item_id` of a catalogue, and
    `rating`, `weight`, `clicks` or `rank`. pairs_weight: of their loss beside that of the catalogue's own pictures and
    texts. pairs_batch: pairs a step. A share `holdout` of the queries is kept for measuring.

    Teacher
    teacher: a classifier stored by an earlier run, or the folder of a finished model. teacher_steps: or train one
    first, so long (0: no teacher).
    teacher_weight: how far the teacher's soft answers replace the hard ones, and weight of the auxiliary classifier.

    Run
    seed: split, initial weights and batches. checkpoint_every: steps between checkpoints. report_every: steps between
    measurements on the held-out pictures. work: folder of checkpoints (None: `out`/run), where a run finds its own.
    """

    out: Path
    catalogs: tuple[Path, ...] = ()
    photos: tuple[Path, ...] = ()
    shares: tuple[float, ...] = ()
    text_template: str = "{title}. {description}"
    caption_templates: tuple[str, ...] = ("{title}",)
    label_template: str = "a photo of a {category}"
    short_templates: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    holdout: float = 0.1
    pictures_side: int = 0

    model: str = "coca-mini"
    pretrained: str | None = None
    vocabulary: int = 2048
    precision: str = "fp16"
    autocast: bool = False
    device: str = "cpu"

    steps: int = 1000
    batch: int = 128
    learning_rate: float = 1e-3
    warmup: int = 50
    weight_decay: float = 0.1
    ema: float = 0.998
    threads: int = 0
    patch_dropout: float = 0.0
    mix: float = 0.0
    settle: float = 0.3

    clip_weight: float = 1.0
    caption_weight: float = 1.0
    image_weight: float = 0.0
    attribute_weight: float = 1.0
    captions: int = 48
    caption_steps: int = 0
    smoothing: float = 0.0

    pairs: Path | None = None
    pairs_weight: float = 1.0
    pairs_batch: int = 64

    teacher: Path | None = None
    teacher_steps: int = 0
    teacher_weight: float = 0.5

    seed: int = 0
    checkpoint_every: int = 200
    report_every: int = 200
    work: Path | None = None

    def __post_init__(self) -> None:
        """Raises InvalidSetting naming the first setting that has no meaning."""
        for name in ("steps", "batch", "checkpoint_every", "report_every", "captions", "vocabulary", "pairs_batch"):
            if getattr(self, name) < 1:
                raise InvalidSetting(f"expected {name} of at least 1, got {getattr(self, name)}")
        for name in ("holdout", "patch_dropout", "ema", "smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidSetting(f"expected {name} of at least 0 and below 1, got {getattr(self, name)}")
        for name in ("mix", "settle", "teacher_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidSetting(f"expected {name} from 0 to 1, got {getattr(self, name)}")
        if self.precision not in {"fp32", "fp16", "bf16"}:
            raise InvalidSetting(f"expected precision fp32, fp16 or bf16, got {self.precision!r}")
        if self.learning_rate <= 0:
            raise InvalidSetting(f"expected a learning_rate above 0, got {self.learning_rate}")
        if self.teacher is not None and self.teacher_steps:
            raise InvalidSetting("expected either a teacher or teacher_steps, got both")

    @property
    def run_folder(self) -> Path:
        """Where checkpoints and the trained teacher go."""
        return self.work or self.out / "run"

    def settling(self, step: int) -> float:
        """Return how far the last share of the steps has come, 0 before it and 1 at the end."""
        length = max(self.settle * self.steps, 1)
        return min(1.0, max(0.0, (step - self.steps + length) / length))

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        rise = min(1.0, (step + 1) / max(self.warmup, 1))
        return self.learning_rate * rise * (0.5 * (1 + math.cos(math.pi * self.settling(step))) + 1e-3)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values, paths as text."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def differences(self, stored: Mapping[str, Any]) -> list[str]:
        """Name the settings that differ from stored ones, leaving out those that do not change what is learnt."""
        free = {
            "out",
            "work",
            "steps",
            "caption_steps",
            "threads",
            "checkpoint_every",
            "report_every",
            "device",
            "precision",
        }
        now = self.to_json()
        # A run stored before a setting was there had its default.
        then = {f.name: _plain(f.default) for f in fields(self)} | dict(stored)
        return [f.name for f in fields(self) if f.name not in free and then[f.name] != now[f.name]]


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value
