"""Builds with a text model beside the picture's, and with a block of words: what is made, recorded and asked."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.catalog.item_fields import ItemFields
from engine.encoders.encoder import Fingerprint, ModelSpec
from engine.encoders.images import decode
from engine.errors import NoEncoder
from engine.lexical.bm25 import LEXICAL, LexicalIndex
from engine.lexical.lexical_writer import write_lexical
from engine.scoring.fusion import Moments
from engine.scoring.query import ImagePart, Query, TextPart
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.lexical_block import lexical_moments
from indexer.progress import no_progress
from tests.support.catalogs import Plain, write_lines

COUNT = 24


class Reader(Plain):
    """A text model of no library, of another dimension than Plain; it has no eyes."""

    dim = 6

    def __init__(self, spec: ModelSpec, device: str, dtype: str) -> None:
        super().__init__(spec, device, dtype)
        self.fingerprint = Fingerprint("reader", "w", "t", {}, "p", self.dim, "float32")

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Refuse them."""
        raise NoEncoder(message="expected texts")


def specs(folder: Path) -> tuple[ModelSpec, ModelSpec]:
    return ModelSpec(str(folder / "plain.log"), encoder="tests.support.catalogs:Plain"), ModelSpec(
        str(folder / "reader.log"), encoder="test_models:Reader"
    )


def catalogue(folder: Path, pictures: bool = True) -> Path:
    rows = []
    for number in range(COUNT):
        row = {"item_id": f"i{number}", "title": f"thing number {number}"}
        if pictures:
            Image.new("RGB", (3, 3), (9 * number, 255 - 9 * number, 128)).save(folder / f"{number}.png")
            row["image"] = f"{number}.png"
        rows.append(row)
    return write_lines(folder / "catalogue.jsonl", rows)


def searcher(store: Path, manifest: Manifest, folder: Path) -> Searcher:
    plain, reader = specs(folder)
    return Searcher(
        open_snapshot(Store(store), manifest.snapshot),
        None if manifest.model is None else Plain(plain, "cpu", "float32"),
        None if manifest.text_model is None else Reader(reader, "cpu", "float32"),
    )


def encoded(log: Path) -> dict[str, int]:
    """Return how many texts and pictures an encoder was given."""
    counts = {"text": 0, "image": 0}
    for line in log.read_text().splitlines() if log.exists() else []:
        kind, count = json.loads(line)
        counts[kind] += count
    return counts


def test_each_model_makes_its_block(tmp_path: Path) -> None:
    """Words reach both blocks, each through its model; a picture reaches pictures alone; both models are on record."""
    plain, reader = specs(tmp_path)
    config = BuildConfig(catalogue(tmp_path), tmp_path / "store", plain, reader, lexical=False, text_template="{title}")
    manifest = build(config, no_progress)
    assert manifest.dims == {"image": 8, "text": 6}
    assert (manifest.encoded_blocks, manifest.text_encoded_blocks) == (("image",), ("text",))
    assert manifest.model is not None
    assert manifest.text_model is not None
    assert manifest.model.fingerprint["architecture"] == "plain"
    assert manifest.text_model.fingerprint["architecture"] == "reader"
    assert {(s.part_kind, s.block) for s in manifest.similarities} == {
        *((kind, block) for kind in ("item", "vector") for block in ("image", "text")),
        ("text", "image"),
        ("text", "text"),
        ("image", "image"),
    }
    asked = searcher(tmp_path / "store", manifest, tmp_path)
    (hit,) = asked.search(Query((TextPart("thing number 7", block="text"),), limit=1)).hits
    assert hit.item_id == "i7"
    (hit,) = asked.search(Query((TextPart("thing number 7"),), limit=1, explain=True)).hits
    assert set(hit.contributions) == {"image", "text"}
    picture = (tmp_path / "7.png").read_bytes()
    assert decode(picture).size == (3, 3)
    (hit,) = asked.search(Query((ImagePart(picture),), limit=1, explain=True)).hits
    assert hit.item_id == "i7"
    assert set(hit.contributions) == {"image"}


def test_nothing_is_embedded_twice(tmp_path: Path) -> None:
    """Each model has its own vectors in the cache: a rebuild embeds no picture and no item's text again."""
    plain, reader = specs(tmp_path)
    config = BuildConfig(catalogue(tmp_path), tmp_path / "store", plain, reader, text_template="{title}")
    build(config, no_progress)
    before = encoded(tmp_path / "plain.log"), encoded(tmp_path / "reader.log")
    assert before[1]["text"] >= COUNT
    build(config, no_progress)
    golden_texts, golden_pictures = 5, 4
    after = encoded(tmp_path / "plain.log"), encoded(tmp_path / "reader.log")
    assert after[0]["image"] - before[0]["image"] == golden_pictures
    assert after[1]["text"] - before[1]["text"] == golden_texts


def test_a_catalogue_of_texts_needs_only_the_text_model(tmp_path: Path) -> None:
    """No picture, no model for pictures; words count twice as much as meaning."""
    config = BuildConfig(
        catalogue(tmp_path, pictures=False), tmp_path / "store", None, specs(tmp_path)[1], text_template="{title}"
    )
    manifest = build(config, no_progress)
    assert manifest.model is None
    assert manifest.lexical is not None
    assert manifest.lexical.item_count == COUNT
    assert manifest.default_weights == {"lexical": pytest.approx(2 / 3), "text": pytest.approx(1 / 3)}
    asked = searcher(tmp_path / "store", manifest, tmp_path)
    (hit,) = asked.search(Query((TextPart("number 7"),), limit=1, explain=True)).hits
    assert hit.item_id == "i7"
    assert set(hit.contributions) == {"text", "lexical"}
    with pytest.raises(NoEncoder):
        asked.search(Query((ImagePart(b""),)))


@pytest.mark.parametrize(("lexical", "made"), [(None, False), (True, True), (False, False)])
def test_words_beside_vectors_of_the_callers_own_are_asked_for(
    tmp_path: Path, lexical: bool | None, made: bool
) -> None:
    """A catalogue that brings its vectors gets a block of words only if told; then it answers words without a model."""
    rng = np.random.default_rng(7)
    rows = [
        {"item_id": f"i{number}", "title": f"thing number {number}", "text_vector": rng.standard_normal(4).tolist()}
        for number in range(COUNT)
    ]
    config = BuildConfig(write_lines(tmp_path / "c.jsonl", rows), tmp_path / "store", lexical=lexical)
    manifest = build(config, no_progress)
    assert (manifest.lexical is not None) == made
    if made:
        asked = Searcher(open_snapshot(Store(tmp_path / "store"), manifest.snapshot), None)
        assert asked.search(Query((TextPart("7"),), limit=1)).hits[0].item_id == "i7"


def test_usual_scores_by_hand(tmp_path: Path) -> None:
    """Two items that share one word of one: asked for it, the other item scores that word's share of the best."""
    items = [ItemFields("mug"), ItemFields("mug"), ItemFields()]
    write_lexical(tmp_path / LEXICAL, items)
    lexical = LexicalIndex(tmp_path / LEXICAL, 3)
    score = lexical.score("mug", ItemFields("mug"))
    assert score == pytest.approx(2 / 2.5)
    usual = lexical_moments(lexical, items)
    assert usual == Moments(pytest.approx(score), 1e-3)


def test_usual_scores_count_items_without_a_match(tmp_path: Path) -> None:
    """Of four items two share a word: 4 of 12 pairs score 2 / 2.5, whatever the words that are drawn."""
    items = [ItemFields(title) for title in ("mug", "mug", "cup", "cup")]
    write_lexical(tmp_path / LEXICAL, items)
    usual = lexical_moments(LexicalIndex(tmp_path / LEXICAL, 4), items)
    assert usual.mean == pytest.approx(1 / 3 * 2 / 2.5)
    assert usual.std == pytest.approx((1 / 3 * 2 / 3) ** 0.5 * 2 / 2.5)


def test_an_item_alone_has_no_usual_score(tmp_path: Path) -> None:
    """There is no other item to compare it with."""
    items = [ItemFields("mug"), ItemFields()]
    write_lexical(tmp_path / LEXICAL, items)
    assert lexical_moments(LexicalIndex(tmp_path / LEXICAL, 2), items) == Moments(0.0, 1.0)
