"""Queries and the items right for them: the loss worked out by hand, what is read and drawn, and a run that learns."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import InvalidCatalogue, InvalidSetting
from tests.support.cli import indexer

torch = pytest.importorskip("torch")

from indexer.train import TrainConfig, corpus, pairs, run_checkpoint, train  # noqa: E402
from indexer.train.ranked_loss import to_weights, weighted_contrastive  # noqa: E402
from tests.support.models import TINY_COCA  # noqa: E402

pytestmark = pytest.mark.long

COLOURS = {"red": "crimson", "green": "emerald", "blue": "azure", "white": "ivory", "black": "ebony"}
SCALE = torch.tensor(math.log(3))
QUERIES = torch.eye(2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five cards, the queries for them in other words, a picture as a query, and a tiny CoCa's configuration."""
    folder = tmp_path_factory.mktemp("shop")
    rows, asked = ["item_id,title,image"], ["query,query_image,item_id,rating"]
    for place, (colour, word) in enumerate(COLOURS.items()):
        Image.new("RGB", (40, 40), colour).save(folder / f"{colour}.png")
        rows.append(f"{colour},{colour} card,{colour}.png")
        asked.append(f"{word} thing,,{colour},{1 + place % 3}")
    asked += ["crimson thing,,blue,0", ",red.png,red,3", ",red.png,black,1"]
    (folder / "catalog.csv").write_text("\n".join(rows) + "\n")
    (folder / "pairs.csv").write_text("\n".join(asked) + "\n")
    (folder / "tiny.json").write_text(json.dumps(TINY_COCA))
    return folder


def settings(shop: Path, out: Path, **changes: object) -> TrainConfig:
    """A short run on the cards and the pairs."""
    values: dict[str, object] = {
        "out": out, "catalogs": (shop / "catalog.csv",), "pairs": shop / "pairs.csv", "model": str(shop / "tiny.json"),
        "vocabulary": 300, "holdout": 0.0, "steps": 8, "batch": 8, "pairs_batch": 8, "caption_weight": 0.0, "warmup": 1,
        "checkpoint_every": 3, "report_every": 4, "learning_rate": 3e-3,
    }  # fmt: skip
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


def sampler(shop: Path, holdout: float = 0.0) -> pairs.PairSampler:
    """The shop's pairs, ready to be drawn."""
    read = corpus.read([shop / "catalog.csv"], [])
    split = corpus.Split(tuple(range(len(read.pictures))), ())
    return pairs.PairSampler(pairs.read(shop / "pairs.csv", read), read, split, holdout, 1)


def test_pairs_count_by_their_weights() -> None:
    """By hand, cosines 1 and 0 at scale ln 3: each softmax is of threes and ones."""
    items, weights = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([1.0, 0.5])
    unknown = torch.zeros(2, 2, dtype=torch.bool)
    # Query 0 sees 3 and 3, query 1 sees 1 and 1; of each item's column, item 0 has 3 of 4 and item 1 has 1 of 4.
    expected = (1.0 * (math.log(2) + math.log(4 / 3)) + 0.5 * (math.log(2) + math.log(4))) / (2 * 1.5)
    assert weighted_contrastive(QUERIES, items, SCALE, weights, unknown).item() == pytest.approx(expected, abs=1e-6)


def test_an_item_known_to_be_right_is_no_wrong_answer() -> None:
    """By hand, as before, but item 1 is right for query 0 too: there it is neither an answer nor an asker."""
    items, weights = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([1.0, 0.5])
    known = torch.tensor([[True, True], [False, True]])
    expected = (1.0 * math.log(4 / 3) + 0.5 * math.log(2)) / (2 * 1.5)
    assert weighted_contrastive(QUERIES, items, SCALE, weights, known).item() == pytest.approx(expected, abs=1e-6)


def test_an_item_judged_wrong_stands_among_the_answers_only() -> None:
    """By hand: a third item takes a share of both rows, and looks for no query."""
    items = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    unknown = torch.zeros(2, 3, dtype=torch.bool)
    # Rows: 3 of 3 + 1 + 3, and 3 of 1 + 3 + 1; columns: 3 of 4 each.
    expected = (math.log(7 / 3) + math.log(5 / 3) + 2 * math.log(4 / 3)) / 4
    loss = weighted_contrastive(QUERIES, items, SCALE, torch.ones(2), unknown)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_equal_weights_are_the_usual_contrastive_loss() -> None:
    """With one weight for all and nothing else known the loss equals open_clip's ClipLoss."""
    from open_clip.loss import ClipLoss

    torch.manual_seed(0)
    queries, items = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    ours = weighted_contrastive(queries, items, SCALE, torch.full((5,), 0.3), torch.zeros(5, 5, dtype=torch.bool))
    assert ours.item() == pytest.approx(ClipLoss()(queries, items, SCALE).item(), abs=1e-5)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("rating", [3, 1, 0], [1, 1 / 3, 0]),
        ("weight", [0.2, 0.1], [1, 0.5]),
        ("clicks", [3, 1, 0], [1, 0.5, 0]),
        ("rank", [1, 4], [1, 0.5]),
    ],
)
def test_what_a_file_tells_becomes_a_weight(column: str, values: list[float], expected: list[float]) -> None:
    """By hand: linear in ratings and weights, ln(1 + clicks), 1 / sqrt(rank); the largest is 1."""
    assert to_weights(column, values).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_file_of_pairs_is_read(shop: Path) -> None:
    """Words and pictures are queries, each once; weights are shares of the best rating."""
    read = pairs.read(shop / "pairs.csv", corpus.read([shop / "catalog.csv"], []))
    assert [asked.text for asked in read.queries] == [f"{word} thing" for word in COLOURS.values()] + [""]
    assert read.queries[-1].picture == shop / "red.png"
    assert read.query.tolist() == [0, 1, 2, 3, 4, 0, 5, 5]
    assert read.concept.tolist() == [0, 1, 2, 3, 4, 2, 0, 4]
    assert read.weight.tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1 / 3, 2 / 3, 0, 1, 1 / 3])


def test_a_batch_holds_what_was_judged_wrong_and_knows_what_is_right(shop: Path) -> None:
    """Pair i's item is at place i and known; the item judged wrong for "crimson thing" stands behind, unknown."""
    torch.manual_seed(0)
    drawing = sampler(shop)
    batch = drawing.draw(32)
    crimson = int((batch.queries == 0).sum())
    assert crimson > 0
    assert batch.concepts[32:].tolist() == [2] * crimson
    assert batch.known.shape == (32, 32 + crimson)
    assert batch.known.diagonal().all()
    assert (batch.weights > 0).all()
    assert not batch.known[batch.queries == 0][:, batch.concepts == 2].any()
    picture = batch.known[batch.queries == 5]
    assert picture[:, (batch.concepts == 0) | (batch.concepts == 4)].all()


def test_held_out_queries_and_items_are_not_trained_on(shop: Path) -> None:
    """A share of the queries is kept for measuring; pairs with a held-out item are not drawn either."""
    half = sampler(shop, 0.5)
    assert len(half.heldout) == 3
    assert not set(half.pairs.query[half.right].tolist()) & set(half.heldout)
    read = corpus.read([shop / "catalog.csv"], [])
    without_red = pairs.PairSampler(half.pairs, read, corpus.Split((1, 2, 3, 4), (0,)), 0.0, 1)
    assert 0 not in without_red.pairs.concept[without_red.right].tolist()
    with pytest.raises(InvalidCatalogue, match="expected pairs to train on"):
        pairs.PairSampler(half.pairs, read, corpus.Split((), (0, 1, 2, 3, 4)), 0.0, 1)


def test_a_run_learns_what_other_words_mean(shop: Path, tmp_path: Path) -> None:
    """Sixty steps teach words that no catalogue has, and the held-out queries are measured by nDCG."""
    report = train(settings(shop, tmp_path / "a", steps=60, report_every=10, ema=0.5))
    history = json.loads((tmp_path / "a/metrics.json").read_text())["history"]
    assert history[-1]["pairs"] < 0.7 * history[0]["pairs"]
    assert report.metrics == {}
    measured = train(settings(shop, tmp_path / "b", steps=2, holdout=0.4)).metrics
    assert 0 <= measured["pairs.query_to_image.ndcg@10"] <= 1
    assert 0 <= measured["pairs.query_to_text.ndcg@10"] <= 1


def test_a_stopped_run_with_pairs_goes_on_where_it_stopped(shop: Path, tmp_path: Path) -> None:
    """Pairs are drawn from the same random state: the weights are those of a run that was never stopped."""

    class Stopped(Exception):
        pass

    def stop(progress: object) -> None:
        if getattr(progress, "stage", "") == "training" and getattr(progress, "done", 0) == 5:
            raise Stopped

    with pytest.raises(Stopped):
        train(settings(shop, tmp_path / "stopped"), stop)
    assert train(settings(shop, tmp_path / "stopped")).resumed_at == 3
    train(settings(shop, tmp_path / "whole"))
    resumed, whole = (run_checkpoint.load(tmp_path / name / "run") for name in ("stopped", "whole"))
    assert resumed is not None
    assert whole is not None
    for name, value in whole["model"].items():
        torch.testing.assert_close(resumed["model"][name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_stored_before_there_were_pairs_is_gone_on_with() -> None:
    """Settings that a stored run does not know had their default; any other value is another run."""
    config = TrainConfig(out=Path("x"))
    stored = {name: value for name, value in config.to_json().items() if not name.startswith("pairs")}
    assert config.differences(stored) == []
    assert TrainConfig(out=Path("x"), pairs_batch=8).differences(stored) == ["pairs_batch"]
    with pytest.raises(InvalidSetting, match="pairs_batch of at least 1"):
        TrainConfig(out=Path("x"), pairs_batch=0)


def test_the_command_takes_pairs_and_the_embedded_model(shop: Path, tmp_path: Path) -> None:
    """`indexer train --model mini --pairs FILE` goes on from the embedded model, whose tokenizer stays."""
    command = ["train", str(shop / "catalog.csv"), "--pairs", str(shop / "pairs.csv"), "--model", "mini"]
    small = ["--set", "steps=1", "--set", "batch=4", "--set", "pairs_batch=4", "--set", "holdout=0"]
    done = indexer(*command, "--out", str(tmp_path / "out"), *small)
    assert done.code == 0, done.err
    mini = Path(__file__).parents[1] / "engine/models/mini"
    trained = json.loads((tmp_path / "out/open_clip_config.json").read_text())
    assert (
        trained["model_cfg"]["embed_dim"]
        == json.loads((mini / "open_clip_config.json").read_text())["model_cfg"]["embed_dim"]
    )
    assert (tmp_path / "out/tokenizer.json").read_text() == (mini / "tokenizer.json").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("query,item_id\na,red\n", "expected one of rating, weight, clicks, rank, got none"),
        ("query,item_id,rating,clicks\na,red,1,1\n", "got rating, clicks"),
        (
            "query,query_image,item_id,rating\na,red.png,red,1\n",
            "row 1: expected either query or query_image, got both",
        ),
        ("query,item_id,rating\n,red,1\n", "row 1: expected either query or query_image, got neither"),
        ("query_image,item_id,rating\ngone.png,red,1\n", "row 1: expected an image file, got gone.png"),
        ("query,item_id,rating\na,pink,1\n", "row 1: expected an item_id of one catalogue, got 'pink'"),
        ("query,item_id,rating\na,red,1\na,red,2\n", "row 2: expected a query and an item once"),
        ("query,item_id,rating\na,red,-1\n", "row 1: expected a number of at least 0 for 'rating', got '-1'"),
        ("query,item_id,clicks\na,red,0\n", "expected a pair with a clicks above 0, got none"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(shop: Path, tmp_path: Path, content: str, message: str) -> None:
    """The message names the file, the row and what was expected of it."""
    (tmp_path / "pairs.csv").write_text(content)
    read = corpus.read([shop / "catalog.csv"], [])
    Image.new("RGB", (8, 8)).save(tmp_path / "red.png")
    with pytest.raises(InvalidCatalogue, match=message):
        pairs.read(tmp_path / "pairs.csv", read)
