"""The embedding pipeline: a build and a live update of the same product store the same bytes."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.catalog.payload import to_bytes
from engine.encoders.embedding_pipeline import image_embedder, pool, text_embedder, to_stored
from engine.encoders.encoder import Encoder, ModelSpec
from engine.errors import InvalidSetting
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from engine.updates.ingest import AcceptedItem, Ingest
from engine.updates.item_change import Upsert
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import write_lines

PRODUCTS = {
    "several": ("Red mug", ("red", "blue", "green")),
    "twice": ("Red mug again", ("red", "red")),
    "single": ("Blue lamp", ("blue",)),
    "untitled": ("", ("green",)),
    "unpictured": ("A title, 夏, of a thing without a picture", ()),
}
"""Item id to title and the colours of its pictures."""


def picture(colour: str) -> bytes:
    """Return a small PNG with some structure."""
    image = Image.new("RGB", (40, 48), colour)
    image.paste("white", (5, 7, 22, 30))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


PICTURES = {hashlib.sha256(picture(colour)).digest(): picture(colour) for colour in ("red", "blue", "green")}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Snapshot:
    """The products as a build embeds them."""
    root = tmp_path_factory.mktemp("pipeline")
    for colour in ("red", "blue", "green"):
        (root / f"{colour}.png").write_bytes(picture(colour))
    rows = [
        {"item_id": item_id, "title": title, "images": [f"{colour}.png" for colour in colours]}
        for item_id, (title, colours) in PRODUCTS.items()
    ]
    config = BuildConfig(
        write_lines(root / "catalog.jsonl", rows), root / "store", ModelSpec(str(tiny_model)), publish=False
    )
    return open_snapshot(Store(root / "store"), build(config, no_progress).snapshot)


@pytest.mark.parametrize("item_id", PRODUCTS)
def test_a_live_update_stores_the_bytes_of_a_build(snapshot: Snapshot, tiny_encoder: Encoder, item_id: str) -> None:
    """Several pictures, the same one twice, no text, no picture: every block of the row is equal bit for bit."""
    title, colours = PRODUCTS[item_id]
    images = tuple(hashlib.sha256(picture(colour)).digest() for colour in colours)
    ingest = Ingest(snapshot, {"image": tiny_encoder, "text": tiny_encoder}, None)
    upsert = Upsert(to_bytes({"title": title} if title else {}), images, {}, {})
    (accepted,) = ingest.prepare([(item_id, upsert)], PICTURES.__getitem__)
    assert isinstance(accepted, AcceptedItem)
    row = snapshot.items.get_row(item_id)
    stratum = snapshot.get_stratum(row)
    stored = stratum.index.rows(np.array([row - stratum.start]))[0]
    live = accepted.prepared.vectors
    assert set(live) == set(stratum.layout.spans)
    for block, span in stratum.layout.spans.items():
        assert live[block].tobytes() == stored[span].astype(np.float16).tobytes(), block


def test_a_content_without_finite_values_is_left_out() -> None:
    """Other contents of the batch keep their vectors."""
    embedder = text_embedder(Broken(), None)
    made = embedder.encode({b"a": "good", b"b": "nan"})
    assert list(made) == [b"a"]
    assert made[b"a"].dtype == np.float16


def test_vectors_of_another_shape_are_refused(tiny_encoder: Encoder) -> None:
    """An encoder that returns too few rows is an error, not a shift of rows."""
    with pytest.raises(InvalidSetting, match=r"expected \(2, 4\) vectors from the model, got \(1, 4\)"):
        image_embedder(Broken(), None).encode({b"a": Image.new("RGB", (2, 2)), b"b": Image.new("RGB", (2, 2))})


def test_one_vector_is_not_averaged() -> None:
    """The mean of several is taken in float32 and scaled to length 1."""
    first, second = np.array([1, 0], np.float16), np.array([0, 1], np.float16)
    assert pool([first]) is first
    np.testing.assert_allclose(to_stored(pool([first, second])), [2**-0.5, 2**-0.5], atol=1e-3)


class Broken:
    """An encoder whose texts named "nan" have no finite vector, and which encodes only one image of a batch."""

    dim = 4

    def __init__(self) -> None:
        from engine.encoders.encoder import Fingerprint

        self.fingerprint = Fingerprint("broken", "w", "t", {"size": 1}, "p", 4, "float32")

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Return ones, or NaN."""
        return np.array([[np.nan if text == "nan" else 1.0] * 4 for text in texts], np.float32)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return one row, however many images there are."""
        return np.ones((1, 4), np.float32)
