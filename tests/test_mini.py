"""The embedded model: small, loaded by stock open_clip, and as good as its card says on pictures it never saw."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import indexer.sample
from engine.encoders.encoder import Encoder, ModelSpec, open_encoder

pytestmark = pytest.mark.long

MINI = Path(__file__).parents[1] / "engine/models/mini"
GROCERY = Path(__file__).parents[2] / "shared/data/grocery_store"
UNSEEN_SEED = 7


@dataclass(frozen=True)
class Shop:
    """Rows of a catalogue, and the unit vectors of its texts and pictures."""

    folder: Path
    rows: list[dict[str, str]]
    texts: np.ndarray
    images: np.ndarray


def embed(encoder: Encoder, folder: Path, rows: list[dict[str, str]]) -> Shop:
    """Embed each row's "title. description" and its picture."""
    texts = encoder.encode_texts([f"{row['title']}. {row['description']}" for row in rows])
    return Shop(folder, rows, texts, encoder.encode_images([open_picture(folder / row["image"]) for row in rows]))


def open_picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def success(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """The share of rows of (n, m) scores whose truth (n,) is among the k best."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    return float(((scores > own).sum(axis=1) < k).mean())


def standard(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / scores.std()


def say(folder: Path, names: list[str]) -> list[str]:
    """Caption pictures with stock open_clip: its model, its transforms, its tokenizer, its generate()."""
    import open_clip
    import torch

    from indexer.train import caption_recall

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{MINI}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{MINI}").tokenizer
    with torch.no_grad():
        return caption_recall.generate_captions(
            model.eval(), tokenizer, torch.stack([preprocess(open_picture(folder / n)) for n in names])
        )


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(ModelSpec("mini"), "cpu", "float32")


@pytest.fixture(scope="module")
def drawn(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A generated catalogue of a seed the model was not trained on."""
    folder = tmp_path_factory.mktemp("drawn")
    indexer.sample.write(folder, 500, UNSEEN_SEED)
    rows = [json.loads(line) for line in (folder / "catalog.jsonl").read_text().splitlines()]
    return embed(encoder, folder, rows)


@pytest.fixture(scope="module")
def grocery(encoder: Encoder) -> Shop:
    """The 81 products of the grocery data, where it is there."""
    if not GROCERY.is_dir():
        pytest.skip(f"needs {GROCERY.name}, which is not part of the repository")
    with (GROCERY / "catalog.csv").open(encoding="utf-8") as lines:
        return embed(encoder, GROCERY, list(csv.DictReader(lines)))


@pytest.fixture(scope="module")
def heldout() -> list[dict[str, str]]:
    """The shop photos never trained on, by the list that lies beside the weights."""
    names = set(json.loads((MINI / "metrics.json").read_text())["heldout_pictures"])
    with (GROCERY / "photos.csv").open(encoding="utf-8") as lines:
        return [row for row in csv.DictReader(lines) if Path(row["image"]).name in names]


def test_stock_open_clip_loads_it() -> None:
    """A CoCa of open_clip's own classes, with its own tokenizer; no code of this project is needed."""
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{MINI}")
    tokens = open_clip.get_tokenizer(f"local-dir:{MINI}")(["a red mug"])
    assert type(model) is open_clip.CoCa
    assert tokens.shape == (1, model.context_length)


def test_it_is_small() -> None:
    """All files together are at most 15 MB."""
    assert sum(path.stat().st_size for path in MINI.rglob("*") if path.is_file()) <= 15_000_000


def test_texts_and_pictures_of_a_new_catalogue_find_each_other(drawn: Shop) -> None:
    """500 items of another seed: the other half is among the ten best nearly always, and mostly the best."""
    scores, truth = drawn.texts @ drawn.images.T, np.arange(len(drawn.rows))
    assert success(scores, truth, 10) >= 0.99
    assert success(scores.T, truth, 10) >= 0.99
    assert success(scores, truth, 1) >= 0.87


def test_captions_of_a_new_catalogue_name_type_and_colour(drawn: Shop) -> None:
    """The generated caption says what the item is and which colour it has: as often as the card says."""
    rows = drawn.rows[:200]
    said = [f" {line} " for line in say(drawn.folder, [row["image"] for row in rows])]
    kinds = [f" {row['product_type'].lower()} " in line for row, line in zip(rows, said, strict=True)]
    colours = [line.startswith(f" {row['color'].lower()} ") for row, line in zip(rows, said, strict=True)]
    assert np.mean(kinds) >= 0.97
    assert np.mean(colours) >= 0.90


def test_a_word_or_two_is_a_query(encoder: Encoder, drawn: Shop) -> None:
    """Among 25 types a picture is nearest to the word for its own, and among 300 pairs to its own colour and type."""
    types = sorted({row["product_type"] for row in drawn.rows})
    pairs = [(color, kind) for color in sorted({row["color"] for row in drawn.rows}) for kind in types]
    nearest = (drawn.images @ encoder.encode_texts(types).T).argmax(axis=1)
    assert np.mean([types[n] == row["product_type"] for n, row in zip(nearest, drawn.rows, strict=True)]) >= 0.93
    nearest = (drawn.images @ encoder.encode_texts([" ".join(pair) for pair in pairs]).T).argmax(axis=1)
    found = [pairs[n] for n in nearest]
    assert np.mean([pair[0] == row["color"] for pair, row in zip(found, drawn.rows, strict=True)]) >= 0.85
    assert np.mean([pair[1] == row["product_type"] for pair, row in zip(found, drawn.rows, strict=True)]) >= 0.94


@pytest.mark.real
def test_a_shop_photo_finds_its_product(encoder: Encoder, grocery: Shop, heldout: list[dict[str, str]]) -> None:
    """Photos not trained on, against picture and text of all 81 products at equal weight."""
    photos = encoder.encode_images([open_picture(GROCERY / row["image"]) for row in heldout])
    places = {row["item_id"]: place for place, row in enumerate(grocery.rows)}
    truth = np.array([places[row["item_id"]] for row in heldout])
    scores = standard(photos @ grocery.images.T) + standard(photos @ grocery.texts.T)
    assert len(heldout) >= 150
    assert success(scores, truth, 1) >= 0.75
    assert success(scores, truth, 5) >= 0.96


@pytest.mark.real
def test_the_caption_of_a_shop_photo_names_the_product_or_its_category(
    grocery: Shop, heldout: list[dict[str, str]]
) -> None:
    titles = {row["item_id"]: row["title"].lower() for row in grocery.rows}
    said = say(GROCERY, [row["image"] for row in heldout])
    named = [
        titles[row["item_id"]] in line or line.endswith(f", {row['category'].lower()}")
        for row, line in zip(heldout, said, strict=True)
    ]
    assert np.mean(named) >= 0.83
