"""A build says so where its model does not know the language of the catalogue."""

import csv
from pathlib import Path

import numpy as np
import pytest

from engine.encoders.encoder import ModelSpec, open_encoder
from engine.encoders.text_coverage import known_shares
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.embedding.language import MIN_KNOWN_SHARE, find_unread_texts
from indexer.progress import no_progress

DATA = Path(__file__).parents[2] / "shared/data"
CHINESE = ("红色连衣裙", "无线蓝牙耳机", "男士运动鞋 黑色", "家用电热水壶")
ENGLISH = ("Red summer dress, size M", "Wireless Bluetooth headphones", "Philips X-200 kettle", "men's black shoes")


@pytest.mark.parametrize("model", ["mini", "base"])
def test_chinese_is_told_from_english(model: str) -> None:
    """An embedded model has words for English product names and none for Chinese ones."""
    encoder = open_encoder(ModelSpec(model), "cpu", "float32", "torch")
    assert min(encoder.known_shares(ENGLISH)) > 0.6
    assert max(encoder.known_shares(CHINESE)) < MIN_KNOWN_SHARE


def test_open_clips_own_tokenizer_is_asked_too() -> None:
    """A vocabulary of bytes spells Chinese in parts of characters, which count for nothing."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    assert min(known_shares(tokenizer, ENGLISH)) > 0.6
    assert max(known_shares(tokenizer, CHINESE)) < MIN_KNOWN_SHARE


def test_numbers_are_read_by_everyone() -> None:
    """A text without letters is in no language."""
    encoder = open_encoder(ModelSpec("mini"), "cpu", "float32", "torch")
    np.testing.assert_array_equal(encoder.known_shares(["4711", "", "19.99 €"]), 1)


@pytest.mark.parametrize(("titles", "said"), [(CHINESE, 1), (ENGLISH, 0)])
def test_build_tells_of_a_language_it_does_not_know(tmp_path: Path, titles: tuple[str, ...], said: int) -> None:
    """Chinese titles give one plain sentence that names the model; English ones none."""
    path = tmp_path / "catalog.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["item_id", "title"])
        lines.writerows([f"i{number}", title] for number, title in enumerate(titles))
    manifest = build(BuildConfig(path, tmp_path / "store", ModelSpec("mini")), no_progress)
    sentences = list(find_unread_texts(manifest))
    assert len(sentences) == said
    assert all("model mini has no words for 100% of the item texts" in sentence for sentence in sentences)


@pytest.mark.real
def test_real_chinese_and_real_english_are_told_apart() -> None:
    """98 % of real Chinese queries are not read, and 2 % of English product titles at most."""
    if not DATA.is_dir():
        pytest.skip("the real data is not there")
    encoder = open_encoder(ModelSpec("base"), "cpu", "float32", "torch")
    with (DATA / "search_queries/multicpr_ecom_queries_zh.csv").open(encoding="utf-8") as file:
        chinese = [row["query"] for row in csv.DictReader(file)][:500]
    english = []
    for name in ("electronics_listings", "ikea_furniture", "grocery_store"):
        with (DATA / name / "catalog.csv").open(encoding="utf-8", newline="") as file:
            english += [row["title"] for row in csv.DictReader(file)]
    assert (encoder.known_shares(chinese) < MIN_KNOWN_SHARE).mean() > 0.9
    assert (encoder.known_shares(english) < MIN_KNOWN_SHARE).mean() < 0.02
