"""The settings of one training run, flat so that a command line, a model card and a checkpoint can hold them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Data, model, optimisation, objective, and where the result goes.

    Attributes:
        out: Folder for the model.
        catalogs: CSV or JSONL with one row an item: item_id, title, description, image, and the columns that templates
            name.
        photos: CSV or JSONL with further images: of the items (`item_id`) of the catalogue in the same folder or, if
            there is none, of labels (`category`).
        shares: Share of a batch for each source, catalogues first, then label sets; empty for the number of images.
        text_template: The text that an item is found by.
        caption_templates: Captions of an image; the first template whose fields the row has is used.
        label_template: The text of a label.
        short_templates: Short texts, such as "{product_type}" and "a {color} {product_type}". The texts of a batch are
            of one kind, and each short template is drawn as often as the text, the title and the caption.
        attributes: Templates of attributes, such as "{color}" and "{color} {accent_color}", that are also learned by
            classifying the image.
        holdout: Share of images that are never trained on, drawn with `seed`, for held-out metrics.
        pictures_side: Pixels of a side of the images in memory; 0 for 1.4 times the model's size.
        model: "coca-mini" (small CoCa from scratch), a file with an open_clip model_cfg (from scratch), "base" or
            "mini" (embedded models), an open_clip architecture, "local-dir:DIR" or "hf-hub:org/repo".
        pretrained: open_clip's weights tag or a file; None for none.
        vocabulary: Tokens of the tokenizer that a model from scratch gets.
        precision: Precision of the stored weights: fp32, fp16 or bf16.
        autocast: Whether to compute in bfloat16.
        device: "cpu" or "cuda".
        steps: Number of steps.
        batch: Images of a step.
        learning_rate: Peak, reached after `warmup` steps and kept until the rate falls as a cosine over the last share
            `settle` of the steps; so a run can be resumed with another number of steps.
        warmup: Steps until the peak learning rate.
        weight_decay: AdamW's.
        ema: Decay of the averaged weights, which are the ones stored; 0 to average nothing.
        threads: CPU threads; 0 for torch's default.
        patch_dropout: Share of image patches dropped before the learning rate falls.
        mix: Share of a batch's photos that are blended with another one; a third of it while the learning rate falls.
        settle: Share of the steps over which the learning rate falls.
        clip_weight: Weight of the contrastive loss.
        caption_weight: Weight of the caption loss, for a CoCa.
        image_weight: Weight of the loss of images of one item among themselves and of photos with product images.
        attribute_weight: Weight of the attribute loss.
        captions: Images of a batch that are captioned.
        caption_steps: Steps of the caption decoder alone on the finished model, each at a tenth of the cost.
        smoothing: Label smoothing of the contrastive loss.
        pairs: CSV or JSONL of queries and their relevant items: `query` or `query_image`, `item_id` of a catalogue, and
            `rating`, `weight`, `clicks` or `rank`. A share `holdout` of the queries is kept for metrics.
        pairs_weight: Weight of the loss of pairs.
        pairs_batch: Pairs of a step.
        teacher: A classifier stored by a former run, or the folder of a finished model.
        teacher_steps: Steps of a teacher trained first; 0 to train none.
        teacher_weight: Share of the teacher's soft answers in the targets, and weight of the auxiliary classifier.
        seed: Seed of split, initial weights and batches.
        checkpoint_every: Steps between checkpoints.
        report_every: Steps between measurements on the held-out images.
        work: Folder of checkpoints, where a run looks for its own; None for `out`/run.
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
        """Raises InvalidSetting that names the first invalid setting."""
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
        """The folder of checkpoints and of the trained teacher."""
        return self.work or self.out / "run"

    def settling(self, step: int) -> float:
        """Return the progress of the phase in which the learning rate falls: 0 before it, 1 at its end."""
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
        """Return the names of settings that differ from stored ones, except those that do not affect the result."""
        ignored = {
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
        current = self.to_json()
        # A run stored before a setting existed had its default.
        former = {f.name: _plain(f.default) for f in fields(self)} | dict(stored)
        return [f.name for f in fields(self) if f.name not in ignored and former[f.name] != current[f.name]]


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value
