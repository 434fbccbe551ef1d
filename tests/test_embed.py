"""From products to blocks: order, means, gaps, rejects, and nothing embedded twice."""

import hashlib
import io
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.encoder import Encoder, Fingerprint
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog import CatalogSpec, Product, Reject, read
from indexer.embedding.embed import embed
from indexer.embedding.embedded_rows import GrowingBlock
from indexer.embedding.image_loader import LoadedRow, load_ahead
from indexer.progress import Reporter

DIM = 16


class HashEncoder:
    """An encoder whose vectors are drawn from a hash of the content; it counts what it encodes."""

    def __init__(self, weights: str = "w", dim: int = DIM) -> None:
        self.dim = dim
        self.fingerprint = Fingerprint("hash", weights, "t", {}, "p", dim, "float32")
        self.texts: list[str] = []
        self.images: list[bytes] = []
        self.calls: list[int] = []

    def vector(self, content: bytes) -> NDArray[np.float32]:
        """Return the unit vector of a content."""
        seed = int.from_bytes(hashlib.sha256(content).digest()[:8])
        row = np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
        return row / np.float32(np.linalg.norm(row))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts."""
        self.texts += texts
        self.calls.append(len(texts))
        return np.stack([self.vector(text.encode()) for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the vectors of pictures."""
        contents = [image.tobytes() for image in images]
        self.images += contents
        self.calls.append(len(images))
        return np.stack([self.vector(content) for content in contents])


def png(colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(data, "PNG")
    return data.getvalue()


def pixels(colour: tuple[int, int, int]) -> bytes:
    """What the encoder sees of it."""
    return bytes(colour) * 16


def product(number: int, **fields: Any) -> Product:
    """A product of line and id `number`."""
    return Product(number, str(number), **{"text": "", **fields})


RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def test_blocks_payloads_and_signals_line_up() -> None:
    """Row i of everything belongs to the i-th product; what a product lacks is a zero row, not present, or NaN."""
    encoder = HashEncoder()
    entries: list[Product | Reject] = [
        product(1, text="a mug", images=(png(RED),), signals={"rating": 4.5}, payload={"title": "a mug"}),
        Reject(2, "x", "no good"),
        product(3, text="a shoe", signals={"rating": math.nan}),
        product(4, images=(png(BLUE),), signals={"rating": 1.0}),
    ]
    embedded = embed(entries, encoder)
    assert embedded.item_ids == ["1", "3", "4"]
    assert embedded.payloads == [{"title": "a mug"}, {}, {}]
    assert embedded.rejects == [Reject(2, "x", "no good")]
    assert embedded.lines_read == 4
    assert embedded.present["image"].tolist() == [True, False, True]
    assert embedded.present["text"].tolist() == [True, True, False]
    np.testing.assert_equal(embedded.signals["rating"], np.array([4.5, math.nan, 1.0], dtype=np.float32))
    zero = np.zeros(DIM)
    images = np.stack([encoder.vector(pixels(RED)), zero, encoder.vector(pixels(BLUE))])
    texts = np.stack([encoder.vector(b"a mug"), encoder.vector(b"a shoe"), zero])
    assert {name: rows.dtype for name, rows in embedded.blocks.items()} == {"image": np.float16, "text": np.float16}
    np.testing.assert_allclose(embedded.blocks["image"], images, atol=2e-3)
    np.testing.assert_allclose(embedded.blocks["text"], texts, atol=2e-3)


def test_order_survives_many_rows_and_chunks() -> None:
    """10,000 rows of own vectors, texts, pictures and rejects come out in their order, each with its own vectors."""
    encoder = HashEncoder(dim=4)
    own = np.random.default_rng(0).standard_normal((10_000, 4)).astype(np.float32)
    entries: list[Product | Reject] = []
    for n in range(10_000):
        if n % 97 == 0:
            entries.append(Reject(n, str(n), "bad"))
        elif n % 200 == 1:
            entries.append(product(n, images=(png((n % 256, n // 256, 0)),), text=f"text {n}"))
        else:
            entries.append(product(n, vectors={"image": own[n]}, text=f"text {n % 50}"))
    embedded = embed(entries, encoder)
    kept = [n for n in range(10_000) if n % 97]
    assert embedded.item_ids == [str(n) for n in kept]
    assert [reject.line for reject in embedded.rejects] == list(range(0, 10_000, 97))
    for row, n in enumerate(kept):
        image = encoder.vector(pixels((n % 256, n // 256, 0))) if n % 200 == 1 else own[n] / np.linalg.norm(own[n])
        text = encoder.vector(f"text {n if n % 200 == 1 else n % 50}".encode())
        np.testing.assert_allclose(embedded.blocks["image"][row], image, atol=2e-3)
        np.testing.assert_allclose(embedded.blocks["text"][row], text, atol=2e-3)


DIRECTIONS = {RED: (1.0, 0.0), GREEN: (0.0, 1.0), BLUE: (0.6, 0.8)}


class Compass:
    """An encoder that knows three pictures and no text."""

    dim = 2
    fingerprint = Fingerprint("compass", "w", "t", {}, "p", 2, "float32")

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return NaN, as a model does whose numbers overflow."""
        return np.full((len(texts), 2), np.nan, dtype=np.float32)

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return where the colour of each picture points."""
        return np.array([DIRECTIONS[image.getpixel((0, 0))] for image in images], dtype=np.float32)  # type: ignore[index]


def test_several_pictures_make_the_unit_mean_of_their_vectors() -> None:
    """(1, 0) and (0, 1) make (.7071, .7071); with (.6, .8) too, (1.6, 1.8) / 2.4083 = (.6644, .7474)."""
    two, three = (png(RED), png(GREEN)), (png(RED), png(GREEN), png(BLUE))
    embedded = embed([product(1, images=two), product(2, images=three)], Compass())
    np.testing.assert_allclose(embedded.blocks["image"], [[0.70711, 0.70711], [0.66437, 0.74741]], atol=5e-4)
    assert list(embedded.blocks) == ["image"]


def test_own_vectors_need_no_encoder() -> None:
    """They are brought to length 1, (3, 4) to (.6, .8), however long or short."""
    rows = [(3, 4), (3e15, 4e15), (3e-15, 4e-15)]
    entries = [product(n, vectors={"text": np.array(row, dtype=np.float32)}) for n, row in enumerate(rows)]
    embedded = embed(entries)
    np.testing.assert_allclose(embedded.blocks["text"], [[0.6, 0.8]] * 3, atol=5e-4)
    assert embedded.signals == {}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "nothing to embed: no text, no image, no vector"),
        (
            {"text": "x", "vectors": {"image": np.ones(3, np.float32)}},
            "image: expected 16 dimensions like the rows before, got 3",
        ),
        ({"images": (Path("gone.png"),)}, "nothing to embed: no text, no image, no vector; image: image not found"),
    ],
)
def test_rows_that_cannot_be_embedded(fields: dict[str, Any], reason: str) -> None:
    """Each is rejected with its reason; the rows around it are kept."""
    entries = [product(1, images=(png(RED),)), product(2, **fields), product(3, images=(png(BLUE),))]
    embedded = embed(entries, HashEncoder())
    assert embedded.item_ids == ["1", "3"]
    (reject,) = embedded.rejects
    assert (reject.line, reject.item_id) == (2, "2")
    assert reject.reason.startswith(reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "x", "images": (b"",)}, "bad image in the row: expected an image (JPEG, PNG"),
        ({"images": (png(RED), Path("gone.png"))}, "image not found: 'gone.png'"),
        ({"images": (png(RED), Path(__file__))}, "bad image 'test_embed.py': expected an image"),
        ({"text": "x", "images": (Path(__file__).parent,)}, "image is a folder: 'tests'"),
        (
            {"text": "x", "images": (b"x" * (100 * 2**20 + 1),)},
            "bad image in the row: expected an image of at most 104857600 bytes, got 104857601",
        ),
    ],
)
def test_a_bad_image_never_costs_its_product(fields: dict[str, Any], reason: str) -> None:
    """The product keeps its text and its other images, and the bad one is reported."""
    embedded = embed([product(1, images=(png(BLUE),)), product(2, **fields)], HashEncoder())
    assert embedded.item_ids == ["1", "2"]
    (cell,) = embedded.bad_cells
    assert (cell.line, cell.item_id, cell.column) == (2, "2", "image")
    assert cell.reason.startswith(reason)


def test_a_model_that_gives_nan_costs_those_rows() -> None:
    """They are rejected and not cached; the rest is kept."""
    embedded = embed([product(1, text="x"), product(2, images=(png(RED),))], Compass())
    assert embedded.item_ids == ["2"]
    assert [reject.reason for reject in embedded.rejects] == [
        "text: expected finite values from the model, got NaN or infinity"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "a mug"}, "line 1 ('1') has a text to embed, got none: pass --model, or bring a text_vector column"),
        (
            {"images": (png(RED),)},
            "line 1 ('1') has an image to embed, got none: pass --model, or bring an image_vector",
        ),
    ],
)
def test_without_an_encoder_a_row_that_needs_one_stops_the_run(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        embed([product(1, **fields)])
    assert message in str(caught.value)


def test_what_entries_raise_comes_through() -> None:
    """A file that breaks off stops the run, also while pictures are being decoded."""

    def entries() -> Any:
        yield product(1, images=(png(RED),))
        raise InvalidCatalogue("broken off")

    with pytest.raises(InvalidCatalogue, match="broken off"):
        embed(entries(), HashEncoder())


def test_a_second_run_encodes_nothing(tmp_path: Path) -> None:
    """From the cache come the same bits; a changed row is the only one encoded, another model encodes all."""
    entries = [product(n, text=f"text {n}", images=(png((n, 0, 0)), png((n, 1, 0)))) for n in range(100)]
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        first, second, third, fourth = HashEncoder(), HashEncoder(), HashEncoder(), HashEncoder("other")
        before = embed(entries, first, cache)
        assert (len(first.texts), len(first.images)) == (100, 200)
        after = embed(entries, second, cache)
        assert second.calls == []
        for name in ("image", "text"):
            np.testing.assert_array_equal(before.blocks[name], after.blocks[name])
        entries[7] = product(7, text="new", images=(png((7, 0, 0)), png((7, 2, 0))))
        embed(entries, third, cache)
        assert (third.texts, third.images) == (["new"], [pixels((7, 2, 0))])
        embed(entries, fourth, cache)
        assert (len(fourth.texts), len(fourth.images)) == (100, 200)


def test_a_run_resumes_where_the_last_one_was_stopped(tmp_path: Path) -> None:
    """What was encoded before the run broke off is not encoded again."""

    class Unlucky(HashEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
            if len(self.calls) == 3:
                raise RuntimeError("out of memory")
            return super().encode_images(images)

    entries = [product(n, images=(png((n, 9, 9)),)) for n in range(100)]
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        with pytest.raises(RuntimeError, match="out of memory"):
            embed(entries, Unlucky(), cache, batch=10)
        encoder = HashEncoder()
        embedded = embed(entries, encoder, cache, batch=10)
    assert len(encoder.images) == 40
    np.testing.assert_allclose(embedded.blocks["image"][99], encoder.vector(pixels((99, 9, 9))), atol=2e-3)


def test_the_same_content_is_encoded_once() -> None:
    """Variants that share a text or a picture share its vector."""
    entries = [product(n, text="same", images=(png(RED),)) for n in range(50)]
    encoder = HashEncoder()
    embedded = embed(entries, encoder)
    assert (encoder.texts, encoder.images) == (["same"], [pixels(RED)])
    assert embedded.present["text"].all()
    assert np.ptp(embedded.blocks["image"].astype(np.float32), axis=0).max() == 0


def test_pictures_are_loaded_while_the_model_runs() -> None:
    """While the first row is held, threads load those that follow, but not all of them."""
    loaded: list[str] = []
    enough = threading.Event()

    def load(item: Product) -> LoadedRow:
        loaded.append(item.item_id)
        if len(loaded) == 8:
            enough.set()
        return LoadedRow([], [])

    entries = (product(n, images=(b"x",)) for n in range(10_000))
    rows = load_ahead(entries, load, threads=2)
    next(rows)
    assert enough.wait(30)
    assert len(loaded) < 1000
    assert [entry.line for entry, _ in rows] == list(range(1, 10_000))


def test_progress_is_reported() -> None:
    """It starts at 0, never goes back, and ends with all rows of a total now known."""
    seen: list[tuple[str, int, int | None]] = []
    embed([product(n, text=str(n)) for n in range(600)], HashEncoder(), None, lambda *step: seen.append(step))
    assert seen[0] == ("embed", 0, None)
    assert seen[-1] == ("embed", 600, 600)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_reporter_writes_two_lines_a_stage_to_a_file() -> None:
    """Where no person looks on there is no bar: one line when a stage starts, one with count and time when it ends."""
    stream = io.StringIO()
    with Reporter(stream) as progress:
        progress("embed", 0, None)
        progress("embed", 1200, None)
        progress("index", 5, 5)
    lines = stream.getvalue().splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["embed ...", "embed: 1,200", "index ...", "index: 5"]
    quiet = io.StringIO()
    with Reporter(quiet, quiet=True) as progress:
        progress("embed", 1, 1)
    assert quiet.getvalue() == ""


def test_a_reporter_draws_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees the stage, how much of the total is done, and at the end the line that stays."""
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Reporter(stream) as progress:
        progress("embed", 0, 10)
        progress("embed", 5, 10)
    assert "5/10" in stream.getvalue()
    assert stream.getvalue().splitlines()[-1].startswith("\x1b[1A\x1b[2Kembed: 5 in ")


def test_a_growing_block_keeps_rows_and_gaps() -> None:
    """Rows far apart, over several chunks, stay where they were put."""
    block = GrowingBlock(2)
    for row in (0, 8191, 8192, 30_000):
        block.set_row(row, [np.array([0, 2], dtype=np.float32)])
    rows, present = block.take(30_005)
    assert rows.shape == (30_005, 2)
    assert np.flatnonzero(present).tolist() == [0, 8191, 8192, 30_000]
    assert rows[30_000].tolist() == [0.0, 1.0]


def test_a_real_model_from_a_folder_of_pictures(tmp_path: Path, tiny_encoder: Encoder) -> None:
    """Pictures and titles of a folder get the vectors that the model gives to each alone, also from the cache."""
    rng = np.random.default_rng(0)
    for n in range(10):
        noise = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
        noise.save(tmp_path / f"thing-{n}.png")
    (tmp_path / "thing-x.png").write_bytes(b"not a picture")
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        embedded = embed(read(CatalogSpec(tmp_path)), tiny_encoder, cache, batch=3)
        again = embed(read(CatalogSpec(tmp_path)), tiny_encoder, cache, batch=3)
    assert embedded.item_ids == [f"thing-{n}" for n in range(10)]
    assert [reject.item_id for reject in embedded.rejects] == ["thing-x"]
    for n in range(10):
        with Image.open(tmp_path / f"thing-{n}.png") as image:
            expected = tiny_encoder.encode_images([image.convert("RGB")])[0]
        np.testing.assert_allclose(embedded.blocks["image"][n], expected, atol=2e-3)
        np.testing.assert_allclose(embedded.blocks["text"][n], tiny_encoder.encode_texts([f"thing {n}"])[0], atol=2e-3)
    np.testing.assert_array_equal(embedded.blocks["image"], again.blocks["image"])
    np.testing.assert_array_equal(embedded.blocks["text"], again.blocks["text"])
