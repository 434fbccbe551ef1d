"""The embedded model that is meant where none is named: its texts, its size, and that it serves beside `mini`."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import indexer.sample
from engine import models
from engine.encoders.captioner import open_captioner
from engine.encoders.encoder import Encoder, ModelSpec, open_encoder
from engine.encoders.images import decode
from engine.encoders.open_clip import OpenClipEncoder
from engine.encoders.reference_encoder import ReferenceEncoder
from engine.search.model_loader import open_models
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress

pytestmark = pytest.mark.long

BASE = models.folder("base")
SEMANTIC = 384
TEXTS = ("", "a red leather shoe with a white sole", "Blue cotton T-shirt, size XL - 19.99 EUR!", "lamp " * 99)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(ModelSpec("base"), "cpu", "float32")


def test_it_is_what_no_name_means() -> None:
    """The default model is an embedded one, and so is what captions for it."""
    assert models.DEFAULT == "base"
    assert {models.DEFAULT, models.CAPTIONER} <= set(models.EMBEDDED)
    assert all((models.folder(name) / "open_clip_config.json").is_file() for name in models.EMBEDDED)


def test_the_wheel_stays_under_100_mb() -> None:
    """All that a wheel holds, packed as a wheel packs it."""
    import io

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for part in ("engine", "indexer"):
            for path in sorted((BASE.parents[2] / part).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    wheel.write(path)
    assert len(packed.getvalue()) < 100_000_000


def test_texts_have_no_visual_part(encoder: Encoder) -> None:
    """Text against text is the sentence model's alone; only pictures have the last 256 numbers."""
    rows = encoder.encode_texts(TEXTS)
    assert rows.shape == (len(TEXTS), 640)
    assert not rows[:, SEMANTIC:].any()


def test_padding_left_out_changes_nothing(encoder: Encoder) -> None:
    """Texts cut to their own tokens, alone or together, have the rows of stock open_clip's padded ones."""
    assert isinstance(encoder, OpenClipEncoder)
    expected = ReferenceEncoder(encoder).encode_texts(TEXTS)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([encoder.encode_texts([text]) for text in TEXTS]), expected, atol=1e-5)


def test_drawn_goods_are_found_by_a_title(encoder: Encoder, tmp_path: Path) -> None:
    """Of 150 drawn goods of another seed, a description has its own picture among ten in half the cases and more."""
    indexer.sample.write(tmp_path, 150, 7)
    rows = [json.loads(line) for line in (tmp_path / "catalog.jsonl").read_text().splitlines()]
    images = encoder.encode_images([decode((tmp_path / row["image"]).read_bytes()) for row in rows])
    scores = encoder.encode_texts([f"{row['color']} {row['product_type']}" for row in rows]) @ images.T
    assert ((scores > scores.diagonal()[:, None]).sum(axis=1) < 10).mean() > 0.5


def test_mini_captions_for_it(encoder: Encoder) -> None:
    """A model without a decoder has its pictures captioned by the embedded one that can."""
    assert open_captioner(encoder, "base").name == "mini"


def test_store_of_either_model_is_served(tmp_path: Path) -> None:
    """A store keeps the name of its embedded model, which opens and proves itself on any machine."""
    path = tmp_path / "catalog.csv"
    path.write_text("item_id,title\n1,red shoe\n2,blue lamp\n3,green cup\n")
    for name in models.EMBEDDED:
        manifest = build(BuildConfig(path, tmp_path / name, ModelSpec(name)), no_progress)
        assert manifest.model is not None
        assert manifest.model.model == name
        store = Store(tmp_path / name)
        opened, _ = open_models(store.manifest(manifest.snapshot))
        assert opened is not None
        assert opened.encode_texts(["shoe"]).shape == (1, {"base": 640, "mini": 192}[name])


@pytest.mark.slow
@pytest.mark.real
def test_it_knows_real_products(encoder: Encoder) -> None:
    """Furniture by category and colour among 600, and groceries by name on photos that it did train on."""
    data = Path(__file__).parents[2] / "shared/data"
    if not data.is_dir():
        pytest.skip("the real products are not beside this checkout")
    with (data / "ikea_furniture/catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    images = encoder.encode_images([decode((data / "ikea_furniture" / row["image"]).read_bytes()) for row in rows])
    scores = encoder.encode_texts([f"{row['category']}, {row['color']}" for row in rows]) @ images.T
    assert ((scores > scores.diagonal()[:, None]).sum(axis=1) < 10).mean() > 0.2
