"""The lexical block against formulas worked out by hand, another library's BM25, and itself told item by item."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.item_fields import ItemFieldReader, ItemFields
from engine.errors import CorruptSnapshot
from engine.lexical.bm25 import LexicalIndex
from engine.lexical.lexical_stats import FIELDS, K1, FieldStats, LexicalStats
from engine.lexical.lexical_writer import write_lexical
from engine.lexical.tokenizer import TOKENIZER, WITHOUT_COMPOUNDS, to_compounds, to_terms, to_words

TITLES = (
    "Red leather shoe",
    "Blue suede shoes, size 42",
    "",
    "Smart watch with a red strap",
    "Smartwatch, 27inch box",
    "MK-3420 monitor 27 inch",
)
CATALOGUE = tuple(map(ItemFields, TITLES))
SHIRTS = (
    ItemFields("T-Shirt", "Red, of cotton", "Acme, Tops"),
    ItemFields("Tshirt blue", "", "Tops"),
    ItemFields("Shirt", "A shirt to wear at night, or a t shirt", "Acme"),
    ItemFields("", "", "cotton"),
)


def lexical_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def opened(directory: Path, items: tuple[ItemFields, ...]) -> LexicalIndex:
    write_lexical(directory, items)
    return LexicalIndex(directory, len(items))


@pytest.fixture
def lexical(tmp_path: Path) -> LexicalIndex:
    return opened(tmp_path, CATALOGUE)


def scores_of(lexical: LexicalIndex, text: str) -> dict[int, float]:
    rows, scores = lexical.scores(text)
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32
    assert rows.tolist() == sorted(set(rows.tolist()))
    return dict(zip(rows.tolist(), scores.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Men's BLUE Dresses, 2 boxes™ MX™1000", ["men", "blue", "dress", "2", "box", "mx", "1000"]),
        ("batteries ties glass bus watches", ["battery", "tie", "glass", "bus", "watch"]),
        ("Écran 27inch 1,5 m", ["ecran", "27inch", "1.5", "m"]),
        ("MK-3420/B", ["mk", "3420", "b"]),
        ("夏のワンピース ガ", ["夏の", "のワ", "ワン", "ンピ", "ピー", "ース", "ガ"]),
        ("ＷＩＤＥ Straße", ["wide", "strasse"]),
        (" … ", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Case, accents, width, marks and plurals are folded; decimals stay whole; unspaced writing comes in pairs."""
    assert to_words(text) == words


@pytest.mark.parametrize(
    ("text", "compounds"),
    [
        ("T-Shirts and a t shirt", ["tshirt", "tshirt"]),
        ("V-neck, Wi‑Fi, MK-3420", ["vneck", "wifi", "mk3420"]),
        ("2-in-1", ["2in", "in1"]),
        ("red - blue, size 4 B", []),
    ],
)
def test_compounds(text: str, compounds: list[str]) -> None:
    """What a hyphen joins, or a letter before a word, is one word as well; of three parts each two neighbours."""
    assert [one for one in to_compounds(text) if one not in ("ashirt", "at")] == compounds


@given(st.text(max_size=60))
def test_words_have_no_blanks(text: str) -> None:
    """Whatever comes, a word is neither empty nor has it white space."""
    assert all(word and word.split() == [word] for word in (*to_words(text), *to_compounds(text)))


def test_unknown_compounds_are_taken_apart_and_known_pairs_put_together() -> None:
    """A query need not know how the catalogue writes; what the catalogue does not know stays as it is."""
    known = {"smartwatch", "usb3"}.__contains__
    assert to_terms("Smart watch 27inch usb3", known) == (
        ["smart", "watch", "27", "inch", "usb3"],
        [("smart", "watch")],
    )


def test_fields_are_read_by_the_template() -> None:
    """The first column is the title, the others are the text; of the rest only what is said in words."""
    payload = {
        "title": "Mug",
        "brand": "Acme",
        "description": "Holds tea.",
        "price": 3.5,
        "image": "mug.jpg",
        "link": "https://example.org/mug",
        "released": "2020-01-31T00:00:00Z",
        "attributes": {"colour": "red", "volume": 0.3, "tags": ["office", "gift"]},
    }
    expected = ItemFields("Mug", "Holds tea.", "Acme, red, office, gift")
    assert ItemFieldReader("{title}. {description}").read("i1", payload) == expected
    assert ItemFieldReader("{brand} {title} {item_id}").read("i1", payload)[:2] == ("Acme", "Mug. i1")
    assert ItemFieldReader("{title}").read("i1", {}) == ItemFields()


def test_score_is_what_the_formula_says(lexical: LexicalIndex) -> None:
    """One word of two in the title: idf times saturation, over the idf of both."""
    average = (3 + 5 + 6 + 3 + 5) / 5
    red, shoe = (math.log(1 + (5 - 2 + 0.5) / (2 + 0.5)),) * 2
    frequency = 2 / (0.5 + 0.5 * 6 / average)
    assert scores_of(lexical, "red shoe")[3] == pytest.approx(
        red * frequency / (K1 + frequency) / (red + shoe), rel=1e-6
    )


def test_fields_are_summed_before_they_saturate(tmp_path: Path) -> None:
    """By hand: "shirt" stands once in a title of 1 word (mean 5/3), twice in a text of 10 (mean 6.5)."""
    lexical = opened(tmp_path, SHIRTS)
    assert [round(field.average_length, 4) for field in lexical.stats.fields] == [round(5 / 3, 4), 6.5, 1.25]
    title = 2 / (0.5 + 0.5 * 1 / (5 / 3))
    text = 2 / (0.25 + 0.75 * 10 / 6.5)
    assert scores_of(lexical, "shirt")[2] == pytest.approx((title + text) / (0.5 + title + text), rel=1e-6)
    # Of three fields "cotton" stands in the text of one item, and alone in the last field of another.
    assert scores_of(lexical, "cotton")[0] == pytest.approx(1 / (0.5 * (0.25 + 0.75 * 3 / 6.5) + 1), rel=1e-6)
    assert scores_of(lexical, "cotton")[3] == pytest.approx(0.4 / (0.5 * (0.25 + 0.75 * 1 / 1.25) + 0.4), rel=1e-6)


def test_a_title_counts_more_than_the_text_and_that_more_than_the_rest(tmp_path: Path) -> None:
    """The same word in the three fields of items of equal length."""
    items = tuple(ItemFields(*("red" if place == field else "blue" for place in range(3))) for field in range(3))
    scores = scores_of(opened(tmp_path, items), "red")
    assert [scores[row] for row in range(3)] == [pytest.approx(w / (K1 + w), rel=1e-6) for w, _ in FIELDS.values()]


def test_a_word_that_no_item_has_lowers_the_score(lexical: LexicalIndex) -> None:
    """The less of a query is known, the less its known words decide; their order stays."""
    known, partly = scores_of(lexical, "red shoe"), scores_of(lexical, "red shoe qwertz")
    assert list(known) == list(partly) == [0, 1, 3]
    assert all(partly[row] < known[row] / 1.5 for row in known)
    assert scores_of(lexical, "qwertz") == {}
    assert scores_of(lexical, "") == {}


def test_a_word_that_names_nothing_lowers_no_score(lexical: LexicalIndex) -> None:
    """ "red shoe for the" says what "red shoe" says where no item holds these words; "a" of item 3 is a word."""
    assert scores_of(lexical, "red shoe for the") == scores_of(lexical, "red shoe")
    assert lexical.known_share("shoe for the") == 1.0
    assert 3 in scores_of(lexical, "a shoe")


@pytest.mark.parametrize("query", ["in to", "in-to shoe"])
def test_a_compound_of_words_that_name_nothing_is_a_share_as_any(tmp_path: Path, query: str) -> None:
    """ "into" is found by its halves, which alone no item holds, and no score is above 1."""
    items = tuple(ItemFields(title) for title in ("Into Dust", "Red Shoe", "Blue Hat"))
    scores = scores_of(opened(tmp_path, items), query)
    assert 0 in scores
    assert all(0 < score <= 1 for score in scores.values())


def test_known_share_of_a_query(lexical: LexicalIndex) -> None:
    """All of it, nothing, or what the idf of the known words is of the whole; a known compound knows its words."""
    assert lexical.known_share("red shoes") == lexical.known_share("smart watch") == 1.0
    assert lexical.known_share("qwertz") == lexical.known_share("") == 0.0
    red, unknown = math.log(1 + 3.5 / 2.5), math.log(1 + 5.5 / 0.5)
    assert lexical.known_share("red qwertz") == pytest.approx(red / (red + unknown))


def test_queries_of_any_length_are_on_one_scale(lexical: LexicalIndex) -> None:
    """An item's whole text asks for it with about as much as one of its words does."""
    alone, whole = scores_of(lexical, "leather")[0], scores_of(lexical, TITLES[0])[0]
    assert 0.9 < whole / alone < 1.1
    assert whole < 1


def test_compounds_meet_their_words(lexical: LexicalIndex) -> None:
    """ "smart watch" finds "Smartwatch", "27 inch" finds "27inch", "mk3420" finds "MK-3420"."""
    assert set(scores_of(lexical, "smart watch")) == {3, 4}
    assert set(scores_of(lexical, "27 inch")) == {4, 5}
    assert set(scores_of(lexical, "mk3420")) == {5}


def test_every_way_to_write_a_compound_finds_every_other(tmp_path: Path) -> None:
    """ "T-Shirt", "Tshirt" and "t shirt" are asked for as any of the three, and no item gets more than all of it."""
    lexical = opened(tmp_path, SHIRTS)
    for query in ("t-shirt", "T-Shirts", "tshirt", "t shirts"):
        scores = scores_of(lexical, query)
        assert set(scores) == {0, 1, 2}
        assert max(scores.values()) < 1
        assert scores[2] < min(scores[0], scores[1])


@pytest.mark.parametrize(
    "query", ["red shoe", "smart watch 27 inch", "shoes", "mk3420 qwertz", "a red strap with a red box"]
)
def test_one_item_scores_as_if_stored(lexical: LexicalIndex, query: str) -> None:
    """`score` of a stored item is what `scores` says of it, to the last bit."""
    stored = scores_of(lexical, query)
    for row, item in enumerate(CATALOGUE):
        assert lexical.score(query, item) == stored.get(row, 0.0)


FIELD = st.lists(
    st.sampled_from(
        ["red", "blue", "shoe", "shoes", "27inch", "smart", "watch", "smartwatch", "smart-watch", "t-shirt"]
    ),
    max_size=6,
).map(" ".join)
ITEMS = st.lists(st.builds(ItemFields, FIELD, FIELD, FIELD))
ASKED = st.lists(
    st.sampled_from(["red", "shoe", "smart", "watch", "27", "inch", "usb3", "none", "t", "shirt"]), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(ITEMS, ASKED)
def test_every_item_scores_as_if_stored(
    tmp_path_factory: pytest.TempPathFactory, items: list[ItemFields], query: list[str]
) -> None:
    """That holds for any catalogue and query, for few rows and for many."""
    lexical = opened(tmp_path_factory.mktemp("lexical"), tuple(items))
    asked = " ".join(query)
    stored = scores_of(lexical, asked)
    assert [stored.get(row, 0.0) for row in range(len(items))] == [lexical.score(asked, item) for item in items]


def test_many_rows_are_summed_like_few(tmp_path: Path) -> None:
    """Sorting few postings or counting for every row: the scores are the same."""
    rng = np.random.default_rng(7)
    common = [ItemFields(" ".join(rng.choice(["red", "blue", "shoe"], 2))) for _ in range(500)]
    items = (*common, ItemFields("rare one"), ItemFields("rare other"), *[ItemFields()] * 5000)
    lexical = opened(tmp_path, items)
    for query in ("rare other", "red shoe rare"):
        stored = scores_of(lexical, query)
        expected = 2 + sum("red" in item.title or "shoe" in item.title for item in common)
        assert len(stored) == {"rare other": 2}.get(query, expected)
        assert all(stored[row] == lexical.score(query, item) for row, item in enumerate(common) if row in stored)


def test_agrees_with_another_library(tmp_path: Path) -> None:
    """BM25 of one field as bm25s computes it in Lucene's way, over the query's sum of idf, to float32 rounding."""
    rng = np.random.default_rng(3)
    vocabulary = [f"{a}{b}" for a in "bdfgk" for b in ("ar", "el", "on", "um")]
    texts = [" ".join(rng.choice(vocabulary, rng.integers(1, 12))) for _ in range(300)]
    lexical = opened(tmp_path, tuple(ItemFields("", text) for text in texts))
    other = bm25s.BM25(k1=K1, b=0.75, method="lucene")
    other.index([to_words(text) for text in texts], show_progress=False)
    for _ in range(20):
        query = list(dict.fromkeys(rng.choice(vocabulary, 3).tolist()))
        idf = [math.log(1 + (300 - n + 0.5) / (n + 0.5)) for n in (sum(w in t.split() for t in texts) for w in query)]
        mine = np.zeros(len(texts))
        rows, scores = lexical.scores(" ".join(query))
        mine[rows] = scores
        np.testing.assert_allclose(mine * sum(idf), other.get_scores(query), rtol=1e-5, atol=1e-6)


def test_items_without_words_are_known(lexical: LexicalIndex) -> None:
    """They count neither as items nor in the average length."""
    assert lexical.present.tolist() == [True, True, False, True, True, True]
    assert lexical.stats.item_count == 5


@pytest.mark.parametrize("items", [[], [ItemFields(), ItemFields()]])
def test_nothing_to_find(tmp_path: Path, items: list[ItemFields]) -> None:
    """A catalogue without a word answers with nothing."""
    fields = tuple(FieldStats(name, *scoring, 1.0) for name, scoring in FIELDS.items())
    assert write_lexical(tmp_path, items) == LexicalStats(0, 0, fields, TOKENIZER)
    lexical = LexicalIndex(tmp_path, len(items))
    assert scores_of(lexical, "red shoe") == {}
    assert lexical.known_share("red shoe") == 0.0
    assert lexical.score("red shoe", ItemFields("red shoe")) == 0.0


@pytest.mark.parametrize("name", ["terms", "starts", "rows", "weights", "present"])
def test_files_that_do_not_fit_are_refused_by_name(tmp_path: Path, name: str) -> None:
    """Missing, cut short or of another kind: the message names the file."""
    write_lexical(tmp_path, CATALOGUE)
    path = tmp_path / f"{name}.npy"
    whole = np.load(path)
    for broken in (whole[:-1], whole.astype(np.float64)):
        np.save(path, broken)
        with pytest.raises(CorruptSnapshot, match=r"\.npy: expected"):
            LexicalIndex(tmp_path, len(CATALOGUE))
    path.unlink()
    with pytest.raises(CorruptSnapshot, match=rf"{name}\.npy: expected a file of the lexical block"):
        LexicalIndex(tmp_path, len(CATALOGUE))


def test_words_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    """A snapshot whose words were cut otherwise would find the wrong items."""
    write_lexical(tmp_path, CATALOGUE)
    path = tmp_path / "lexical.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer": "words-0-12345678"}))
    with pytest.raises(CorruptSnapshot, match=r"lexical\.json: expected the tokenizer words-2-.*got words-0-12345678"):
        LexicalIndex(tmp_path, len(CATALOGUE))


def test_a_block_from_before_fields_is_still_read(tmp_path: Path) -> None:
    """One text an item, k1 = 1.2, no compounds: the statistics as that version wrote them say all that is needed."""
    texts = ("red shoe", "blue t-shirt", "")
    words = sorted({word for text in texts for word in to_words(text)})
    write_lexical(tmp_path, [ItemFields("", text) for text in texts])  # for its files; weights are replaced below
    lexical = LexicalIndex(tmp_path, 3)
    stats = replace(lexical.stats, tokenizer=WITHOUT_COMPOUNDS)
    postings = {word: [row for row, text in enumerate(texts) if word in to_words(text)] for word in words}
    by_hash = sorted((lexical_hash(word), word) for word in words)
    rows = [row for _, word in by_hash for row in postings[word]]
    idf = math.log(1 + (2 - 1 + 0.5) / 1.5)
    lengths = [len(to_words(text)) for text in texts]
    weights = [idf / (1 + 1.2 * (0.25 + 0.75 * lengths[row] / 2.5)) for row in rows]
    np.save(tmp_path / "terms.npy", np.array([one for one, _ in by_hash], np.uint64))
    np.save(tmp_path / "starts.npy", np.arange(len(words) + 1, dtype=np.int64))
    np.save(tmp_path / "rows.npy", np.array(rows, np.int32))
    np.save(tmp_path / "weights.npy", np.array(weights, np.float32))
    old = {"vocabulary": len(words), "item_count": 2, "average_length": 2.5, "tokenizer": stats.tokenizer}
    (tmp_path / "lexical.json").write_text(json.dumps(old))
    lexical = LexicalIndex(tmp_path, 3)
    assert not lexical.stats.is_by_field
    scores = scores_of(lexical, "red t-shirt")
    assert scores[0] == pytest.approx(1 / 3 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2.5)), rel=1e-6)
    assert scores[1] == pytest.approx(2 / 3 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2.5)), rel=1e-6)
    assert lexical.score("red t-shirt", ("blue t-shirt",)) == pytest.approx(scores[1], rel=1e-6)
