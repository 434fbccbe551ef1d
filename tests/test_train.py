"""A training run: what it reads and asks of the model, that it survives a kill, that open_clip loads what it left."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

import indexer.sample
from benchmarks import finetune
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.table_rows import read_table

torch = pytest.importorskip("torch")

from indexer.train import (  # noqa: E402
    TrainConfig,
    augment,
    batches,
    caption_recall,
    caption_stage,
    corpus,
    held_out,
    objective,
    run_checkpoint,
    scenes,
    train,
    train_tokenizer,
)
from indexer.train.architecture import open_trainee  # noqa: E402
from tests.support.models import TINY_COCA  # noqa: E402

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn items, a tiny CoCa's configuration, and another catalogue, of five items with three photos each."""
    folder = tmp_path_factory.mktemp("shop")
    indexer.sample.write(folder / "drawn", 40, 1)
    (folder / "tiny.json").write_text(json.dumps(TINY_COCA))
    photographed = folder / "photographed"
    photographed.mkdir()
    with (
        (photographed / "catalog.csv").open("w", newline="") as catalog,
        (photographed / "photos.csv").open("w") as photos,
    ):
        rows, shots = csv.writer(catalog), csv.writer(photos)
        rows.writerow(["item_id", "title", "image"])
        shots.writerow(["image", "item_id"])
        for number, colour in enumerate(("red", "green", "blue", "white", "black")):
            for shot in range(4):
                Image.new("RGB", (40 + shot, 40), colour).save(photographed / f"{number}-{shot}.png")
                if shot:
                    shots.writerow([f"{number}-{shot}.png", number])
            rows.writerow([number, f"{colour} card", f"{number}-0.png"])
    return folder


def settings(shop: Path, out: Path, **changes: object) -> TrainConfig:
    """A run of twelve steps on both catalogues, with a teacher."""
    values: dict[str, object] = {
        "out": out, "catalogs": (shop / "drawn/catalog.jsonl", shop / "photographed/catalog.csv"),
        "photos": (shop / "photographed/photos.csv",), "shares": (0.5, 0.5), "model": str(shop / "tiny.json"),
        "caption_templates": ("{color} {product_type}", "{title}"), "vocabulary": 400, "holdout": 0.34, "steps": 12,
        "batch": 16, "captions": 8, "mix": 0.5, "image_weight": 0.2, "smoothing": 0.05, "patch_dropout": 0.25,
        "teacher_steps": 2, "caption_steps": 3, "checkpoint_every": 4, "report_every": 6,
    }  # fmt: skip
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(shop: Path) -> Path:
    """The folder of one run that was never stopped."""
    train(settings(shop, shop / "trained"))
    return shop / "trained"


def test_stock_open_clip_loads_a_trained_model(trained: Path) -> None:
    """What a run leaves is open_clip's own format: model, transforms and tokenizer load from the folder."""
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{trained}")
    tokens = open_clip.get_tokenizer(f"local-dir:{trained}")(["red mug", "Grüner TELLER"])
    with torch.no_grad():
        texts = model.encode_text(tokens)
        pictures = model.encode_image(preprocess(Image.new("RGB", (50, 40), "red"))[None])
    assert type(model).__name__ == "CoCa"
    assert texts.shape == (2, 32)
    assert pictures.norm().item() == pytest.approx(1, abs=1e-3)
    assert tokens[0, 0] == 1
    assert tokens[0].max() == model.text.vocab_size - 1


def test_a_run_leaves_its_numbers_and_its_picture(trained: Path) -> None:
    """metrics.json holds the held-out numbers, their pictures and the history; loss.png is a picture."""
    metrics = json.loads((trained / "metrics.json").read_text())
    assert {"0.text_to_image@10", "1.photo_to_fused@1", "1.caption_recall"} <= set(metrics["heldout"])
    assert len(metrics["heldout_pictures"]) == 14 + 5
    assert [entry["step"] for entry in metrics["history"]] == [6, 12]
    assert {"contrastive", "caption", "teacher", "images"} <= set(metrics["history"][0])
    with Image.open(trained / "loss.png") as picture:
        assert picture.width > 500


def test_a_killed_run_goes_on_where_it_stopped(shop: Path, trained: Path) -> None:
    """A run killed with SIGKILL and started again ends with the weights of one that was never stopped."""
    out = shop / "killed"
    script = f"""
        import os, pathlib, signal, sys
        sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parent)]!r}
        from test_train import settings, train
        def stop(progress):
            if progress.stage == "training" and progress.done == 7:
                os.kill(os.getpid(), signal.SIGKILL)
        train(settings(pathlib.Path({str(shop)!r}), pathlib.Path({str(out)!r})), stop)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    report = train(settings(shop, out))
    assert report.resumed_at == 4
    assert report.steps == 12
    whole, resumed = (run_checkpoint.load(folder / "run") for folder in (trained, out))
    assert whole is not None
    assert resumed is not None
    for name, value in whole["model"].items():
        torch.testing.assert_close(resumed["model"][name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_with_other_settings_is_not_resumed(shop: Path, trained: Path) -> None:
    """A checkpoint of other settings is refused, and the message names them."""
    with pytest.raises(InvalidSetting, match=r"other settings \(batch, mix\)"):
        train(settings(shop, trained, batch=8, mix=0.0))


def test_training_goes_on_from_a_stored_model(shop: Path, trained: Path, tmp_path: Path) -> None:
    """local-dir: opens weights to train further; their tokenizer stays."""
    report = train(
        settings(
            shop, tmp_path, model=f"local-dir:{trained}", steps=1, teacher_steps=0, teacher=trained / "run/teacher.pt"
        )
    )
    assert report.steps == 1
    assert (tmp_path / "tokenizer.json").read_text() == (trained / "tokenizer.json").read_text()


def test_the_loss_falls(trained: Path) -> None:
    """Twelve steps are enough for captions to get likelier."""
    history = json.loads((trained / "metrics.json").read_text())["history"]
    assert history[-1]["caption"] < history[0]["caption"]


def test_one_match_a_row_is_open_clips_own_loss() -> None:
    """With the identity as targets the contrastive loss equals open_clip's ClipLoss."""
    from open_clip.loss import ClipLoss

    torch.manual_seed(0)
    images, texts = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    scale = torch.tensor(12.0)
    ours = objective.MatchLoss(1.0, 1.0).contrastive(images, texts, scale, torch.eye(5))
    assert ours.item() == pytest.approx(ClipLoss()(images, texts, scale).item(), abs=1e-5)


def test_a_pair_that_is_not_allowed_costs_nothing() -> None:
    """A label that may well describe an item of another source is no wrong answer for it."""
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    targets, allowed = torch.eye(2), torch.zeros(2, 2, dtype=torch.bool)
    loss = objective.MatchLoss(1.0, 1.0).contrastive(images, images, torch.tensor(10.0), targets, allowed)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_products_of_one_title_are_held_out_together(tmp_path: Path) -> None:
    """The benchmark of fine-tuning parts a catalogue by title: a fifth, and no title on both sides."""
    rows = "".join(f"{number},title {number // 2},{number}.png\n" for number in range(20))
    (tmp_path / "catalog.csv").write_text("item_id,title,image\n" + rows)
    paths = finetune.part(tmp_path / "catalog.csv", tmp_path / "parts", 0)
    trained, held = ([row["title"] for _, row in read_table(path)] for path in paths)
    assert len(held) == 4
    assert not set(trained) & set(held)
    assert len(trained) + len(held) == 20
    (tmp_path / "catalog.csv").write_text("item_id,image\n1,a.png\n")
    with pytest.raises(InvalidCatalogue, match="expected a CSV with item_id, title and image"):
        finetune.part(tmp_path / "catalog.csv", tmp_path / "parts", 0)


def test_the_embedded_model_is_trained_on_by_its_name() -> None:
    """ "mini" opens the model that the engine embeds, wherever it is installed."""
    trainee = open_trainee("mini", None, [], 300)
    assert not trainee.from_scratch
    assert trainee.image_size == trainee.model_cfg["vision_cfg"]["image_size"]
    assert trainee.tokenize(["red mug"]).shape == (1, trainee.model_cfg["text_cfg"]["context_length"])


def test_a_teacher_speaks_only_where_it_knows() -> None:
    """Targets are blended with the teacher's renormalised answers, row by row, and kept where it knows nothing."""
    answers = torch.tensor([[0.2, 0.2], [0.0, 0.0], [0.3, 0.1]])
    known = torch.tensor([True, True, False])
    taught = objective.blend_teacher(torch.tensor([[1.0, 0.0]] * 3), answers, known, 0.5)
    assert taught.tolist() == [[0.75, 0.25], [1.0, 0.0], [1.0, 0.0]]


def test_every_photographed_item_stays_trained(shop: Path) -> None:
    """Photos are held out item by item in neighbouring runs; items without photos are held out whole."""
    config = settings(shop, shop)
    read = corpus.read(config.catalogs, config.photos)
    split = corpus.split(read, 0.5, 3)
    held = {position for position in split.heldout if read.concepts[read.pictures[position].concept].source == 1}
    trained_items = {read.pictures[position].concept for position in split.train}
    assert not set(split.train) & set(split.heldout)
    assert len(held) == 5 * 2
    assert {read.pictures[position].concept for position in held} <= trained_items
    assert corpus.split(read, 0.5, 3) == split


def test_mixed_pictures_share_their_targets(shop: Path) -> None:
    """Rows of targets sum to one, and only mixed pictures show two things."""
    config = settings(shop, shop)
    read = corpus.read(config.catalogs, config.photos)
    pixels = torch.randint(0, 256, (len(read.pictures), 3, 44, 44), dtype=torch.uint8)
    sampler = batches.BatchSampler(read, range(len(read.pictures)), pixels, (0.5, 0.5))
    torch.manual_seed(1)
    batch = sampler.draw(32, 32, 0.5)
    assert batch.images.shape == (32, 3, 32, 32)
    assert 0 <= batch.images.min() <= batch.images.max() <= 1
    torch.testing.assert_close(batch.targets.sum(dim=1), torch.ones(32))
    assert ((batch.targets[batch.clean] > 0).sum(dim=1) == 1).all()
    assert 0 < (~batch.clean).sum() < 32


def test_a_view_of_the_whole_picture_is_the_picture() -> None:
    """Views without any freedom, and centre views of the same size, change nothing."""
    pixels = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(augment.centre_views(pixels, 16), pixels / 255, atol=1e-4, rtol=0)
    still = augment.Views((1.0, 1.0), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    views = augment.random_views(pixels, 16, still)
    same = (views - pixels / 255).abs().amax(dim=(1, 2, 3)) < 1e-3
    flipped = (views.flip(3) - pixels / 255).abs().amax(dim=(1, 2, 3)) < 1e-3
    assert (same | flipped).all()


def test_a_product_is_cut_out_of_its_white_background() -> None:
    """What is white and joined to the edge is background; white inside the product, and pictures on grey, are not."""
    pixels = torch.full((2, 3, 20, 20), 255, dtype=torch.uint8)
    pixels[:, :, 5:15, 5:15] = 40
    pixels[:, :, 9:11, 9:11] = 255
    pixels[1][pixels[1] == 255] = 128
    masks = scenes.cut_out(pixels)
    assert masks[0].sum() == 100
    assert masks[0, 0, 5:15, 5:15].all()
    assert masks[1].sum() == 0


def test_a_composed_product_covers_its_background_only_in_part() -> None:
    torch.manual_seed(0)
    products = torch.zeros(8, 3, 20, 20, dtype=torch.uint8)
    masks = torch.ones(8, 1, 20, 20)
    composed = scenes.compose(products, masks, torch.ones(8, 3, 32, 32))
    covered = (composed < 0.5).float().mean(dim=(1, 2, 3))
    assert ((covered > 0.1) & (covered < 1)).any()
    assert (covered > 0).all()


def test_swapped_surroundings_keep_the_middle() -> None:
    swapped = scenes.swap_surroundings(torch.ones(4, 3, 33, 33), torch.zeros(4, 3, 33, 33))
    assert (swapped[:, :, 16, 16] > 0.99).all()
    assert (swapped[:, :, 0, 0] < 0.01).all()


def test_labels_alone_can_be_drawn_from(tmp_path: Path) -> None:
    """A photos file without a catalogue is a set of labels, with a text each."""
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (40, 40), "blue").save(tmp_path / name)
    (tmp_path / "photos.csv").write_text("image,category\na.png,hat\nb.png,shoes\nc.png,hat\n")
    read = corpus.read([], [tmp_path / "photos.csv"])
    pixels = torch.zeros(3, 3, 20, 20, dtype=torch.uint8)
    batch = batches.BatchSampler(read, range(3), pixels, ()).draw(8, 16, 0.0)
    assert [concept.text for concept in read.concepts] == ["a photo of a hat", "a photo of a shoes"]
    assert batch.images.shape == (8, 3, 16, 16)


def test_learning_to_say_leaves_the_vectors_as_they_were(trained: Path) -> None:
    """The last stage moves the decoder and the queries it looks with, not what pictures and texts are found by."""
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{trained}")
    pixels = torch.randint(0, 256, (6, 3, 44, 44), dtype=torch.uint8)
    concepts = tuple(corpus.Concept(str(n), 0, f"thing {n}", f"thing {n}", f"thing {n}") for n in range(6))
    pictures = tuple(corpus.CorpusPicture(Path(f"{n}.png"), n, product=True) for n in range(6))
    source = corpus.CorpusSource(Path("catalog.csv"), corpus.CATALOGUE, photographed=False)
    sampler = batches.BatchSampler(corpus.Corpus((source,), concepts, pictures), range(6), pixels, ())
    tokens = open_clip.get_tokenizer(f"local-dir:{trained}")([concept.caption for concept in concepts])
    look, query = torch.rand(2, 3, 32, 32), model.visual.attn_pool.query.detach().clone()
    with torch.no_grad():
        before = model.encode_image(look), model.encode_text(tokens)
    losses = [
        caption_stage.refine(
            model, sampler, tokens, lambda views: views, side=32, steps=n, pad=0, progress=lambda *_: None
        )
        for n in (1, 30)
    ]
    with torch.no_grad():
        after = model.encode_image(look), model.encode_text(tokens)
    torch.testing.assert_close(after, before)
    assert losses[1] < losses[0]
    assert not torch.equal(model.visual.attn_pool.query, query)


def test_success_is_the_share_of_truths_among_the_best() -> None:
    """Worked out by hand: two rows of three have their truth in the best one, all in the best two."""
    scores = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    truth = torch.tensor([0, 2, 1])
    assert held_out.success(scores, truth, 1) == pytest.approx(2 / 3)
    assert held_out.success(scores, truth, 2) == 1


def test_caption_recall_is_over_words() -> None:
    """Order, case and punctuation do not matter; a missing word does."""
    assert caption_recall.recall("apple, Golden delicious", "Golden Delicious, Apple") == 1
    assert caption_recall.recall("golden", "golden apple") == 0.5


def test_a_tokenizer_says_any_text_back() -> None:
    """Byte-level: what was never seen is still said back, in lower case; the end has the highest id."""
    tokenizer = train_tokenizer.fit(["a red mug", "a blue mug"], 300, 24)
    ids = tokenizer("Grün 7 杯")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).split() == ["grün", "7", "杯"]
    assert ids[-1] == len(tokenizer) - 1 == tokenizer.eos_token_id
    assert tokenizer.pad_token_id == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps of at least 1, got 0"),
        ({"holdout": 1.0}, "holdout of at least 0 and below 1, got 1.0"),
        ({"precision": "int8"}, "fp32, fp16 or bf16, got 'int8'"),
        ({"teacher": Path("t.pt"), "teacher_steps": 5}, "either a teacher or teacher_steps"),
    ],
)
def test_settings_without_meaning_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        TrainConfig(out=Path("x"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("item_id,title\n1,a\n", "row 1: expected a value for 'image', got none"),
        ("item_id,title,image\n1,a,gone.png\n", "row 1: expected an image file, got gone.png"),
        ("item_id,title,image\n1,a,x.png\n1,b,x.png\n", "row 2: item_id '1' occurs twice"),
        ("item_id,title,image\n1,,x.png\n", "row 1: expected a value for 'title', got none"),
    ],
)
def test_a_catalogue_that_cannot_be_trained_on_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "catalog.csv").write_text(rows)
    with pytest.raises(InvalidCatalogue, match=message):
        corpus.read([tmp_path / "catalog.csv"], [])


def test_a_model_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="expected a model open_clip can open, got 'no-such-model'"):
        open_trainee("no-such-model", None, ["a"], 300)
