"""What a run learns beside matches: facts in columns, short texts that fit many items, what a finished model knows."""

import json
import math
from pathlib import Path

import pytest

import indexer.sample
from engine.errors import InvalidSetting

torch = pytest.importorskip("torch")

from indexer.train import TrainConfig, corpus, former_teacher, objective, train  # noqa: E402
from indexer.train.attribute_head import AttributeHead, labels  # noqa: E402

pytestmark = pytest.mark.long

MINI = Path(__file__).parents[1] / "engine/models/mini"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    indexer.sample.write(folder, 30, 1)
    return folder


def test_a_fact_is_numbered_among_the_values_of_its_field() -> None:
    """Values are numbered in order of the alphabet, field by field; what is not said has no number."""
    numbers, sizes = labels([("mug", "red"), ("hat", ""), ("mug", "blue")])
    assert numbers.tolist() == [[1, 1], [0, -1], [1, 0]]
    assert sizes == [2, 2]


def test_what_is_not_said_costs_nothing() -> None:
    """Undecided classifiers cost log 2 for the one fact that is known, and nothing for the one that is not."""
    namer = AttributeHead([("mug", ""), ("hat", "red")], [3])
    for parameter in namer.parameters():
        torch.nn.init.zeros_(parameter)
    loss = namer.loss([torch.ones(1, 3)], torch.tensor([0]))
    assert loss.item() == pytest.approx(math.log(2))


def test_a_fact_that_no_row_has_is_refused() -> None:
    """A misspelt field stops the run before it has cost anything."""
    with pytest.raises(InvalidSetting, match="none for number 1"):
        AttributeHead([("mug", ""), ("hat", "")], [3])


def test_equal_texts_are_equally_right() -> None:
    """Two mugs and a hat, named by type alone: each mug's share is spread over both texts "mug"."""
    words = torch.tensor([[1, 5, 2], [1, 5, 2], [1, 6, 2]])
    assert objective.share_equal_texts(torch.eye(3), words).tolist() == [
        [0.5, 0.5, 0.0],
        [0.5, 0.5, 0.0],
        [0.0, 0.0, 1.0],
    ]


def test_short_texts_and_facts_are_read_from_the_rows(shop: Path) -> None:
    """A template whose fields a row lacks gives the title, a field it lacks no fact."""
    read = corpus.read(
        [shop / "catalog.jsonl"],
        [],
        short_templates=("a {color} {product_type}", "{size}"),
        attributes=("{color}", "{size}"),
    )
    row = json.loads((shop / "catalog.jsonl").read_text().splitlines()[0])
    assert read.concepts[0].shorts == (f"a {row['color']} {row['product_type']}", row["title"])
    assert read.concepts[0].facts == (row["color"], "")


def test_a_finished_model_teaches_the_run_that_goes_on_from_it(shop: Path, tmp_path: Path) -> None:
    """A folder as teacher: it answers for items with photos, and the run learns facts and from it at once."""
    photos = shop / "photos.jsonl"
    rows = [json.loads(line) for line in (shop / "catalog.jsonl").read_text().splitlines()]
    photos.write_text("".join(json.dumps({"image": row["image"], "item_id": row["item_id"]}) + "\n" for row in rows))
    config = TrainConfig(
        tmp_path, (shop / "catalog.jsonl",), (photos,), model=f"local-dir:{MINI}", teacher=MINI, steps=1, batch=8,
        short_templates=("{product_type}",), attributes=("{product_type}", "{color}"), threads=1, holdout=0.0,
    )  # fmt: skip
    report = train(config)
    assert report.losses["teacher"] > 0
    assert report.losses["attributes"] > 0


def test_a_finished_model_tells_the_drawn_goods_by_their_texts(shop: Path) -> None:
    """Its likeliest class among thirty is mostly the right one."""
    from indexer.train import augment, image_memory

    photos = shop / "photos.jsonl"
    rows = [json.loads(line) for line in (shop / "catalog.jsonl").read_text().splitlines()]
    photos.write_text("".join(json.dumps({"image": row["image"], "item_id": row["item_id"]}) + "\n" for row in rows))
    read = corpus.read([shop / "catalog.jsonl"], [photos])
    model, names = former_teacher.load(MINI, read)
    pixels = image_memory.load([picture.path for picture in read.pictures[:30]], 64)
    with torch.no_grad():
        best = model(augment.centre_views(pixels, 64)).argmax(dim=1)
    assert len(names) == 30
    assert (best == torch.arange(30)).float().mean() >= 0.8
