"""The lexical block against formulas worked out by hand, another library's BM25, and itself told item by item."""

import json
import math
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CorruptSnapshot
from engine.lexical import K1, B, Lexical, LexicalStats, write_lexical
from engine.words import TOKENIZER, to_terms, to_words

CATALOGUE = (
    "Red leather shoe",
    "Blue suede shoes, size 42",
    "",
    "Smart watch with a red strap",
    "Smartwatch, 27inch box",
    "MK-3420 monitor 27 inch",
)


@pytest.fixture
def lexical(tmp_path: Path) -> Lexical:
    write_lexical(tmp_path, CATALOGUE)
    return Lexical(tmp_path, len(CATALOGUE))


def scores_of(lexical: Lexical, text: str) -> dict[int, float]:
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


@given(st.text(max_size=60))
def test_words_have_no_blanks(text: str) -> None:
    """Whatever comes, a word is neither empty nor has it white space."""
    assert all(word and word.split() == [word] for word in to_words(text))


def test_unknown_compounds_are_taken_apart_and_known_pairs_put_together() -> None:
    """A query need not know how the catalogue writes; what the catalogue does not know stays as it is."""
    known = {"smartwatch", "usb3"}.__contains__
    assert to_terms("Smart watch 27inch usb3", known) == (
        ["smart", "watch", "27", "inch", "usb3"],
        [("smart", "watch")],
    )


def test_score_is_what_the_formula_says(lexical: Lexical) -> None:
    """One word of two: idf times saturation, over the idf of both."""
    average = (3 + 5 + 6 + 3 + 5) / 5
    red, shoe = (math.log(1 + (5 - 2 + 0.5) / (2 + 0.5)),) * 2
    saturated = 1 / (1 + K1 * (1 - B + B * 6 / average))
    assert scores_of(lexical, "red shoe")[3] == pytest.approx(red * saturated / (red + shoe), rel=1e-6)


def test_a_word_that_no_item_has_lowers_the_score(lexical: Lexical) -> None:
    """The less of a query is known, the less its known words decide; their order stays."""
    known, partly = scores_of(lexical, "red shoe"), scores_of(lexical, "red shoe qwertz")
    assert list(known) == list(partly) == [0, 1, 3]
    assert all(partly[row] < known[row] / 1.5 for row in known)
    assert scores_of(lexical, "qwertz") == {}
    assert scores_of(lexical, "") == {}


def test_queries_of_any_length_are_on_one_scale(lexical: Lexical) -> None:
    """An item's whole text asks for it with about as much as one of its words does."""
    alone, whole = scores_of(lexical, "leather")[0], scores_of(lexical, CATALOGUE[0])[0]
    assert 0.9 < whole / alone < 1.1
    assert whole < 1


def test_compounds_meet_their_words(lexical: Lexical) -> None:
    """ "smart watch" finds "Smartwatch", "27 inch" finds "27inch", "mk3420" finds "MK-3420"."""
    assert set(scores_of(lexical, "smart watch")) == {3, 4}
    assert set(scores_of(lexical, "27 inch")) == {4, 5}
    assert set(scores_of(lexical, "mk3420")) == {5}


@pytest.mark.parametrize(
    "query", ["red shoe", "smart watch 27 inch", "shoes", "mk3420 qwertz", "a red strap with a red box"]
)
def test_one_item_scores_as_if_stored(lexical: Lexical, query: str) -> None:
    """`score` of a stored text is what `scores` says of it, to the last bit."""
    stored = scores_of(lexical, query)
    for row, text in enumerate(CATALOGUE):
        assert lexical.score(query, text) == stored.get(row, 0.0)


WORDS = ["red", "blue", "shoe", "shoes", "27inch", "smart", "watch", "smartwatch"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6))


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(st.sampled_from(["red", "shoe", "smart", "watch", "27", "inch", "usb3", "none"]), max_size=5))
def test_every_item_scores_as_if_stored(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]], query: list[str]
) -> None:
    """That holds for any catalogue and query, for few rows and for many."""
    catalogue = [" ".join(words) for words in texts]
    directory = tmp_path_factory.mktemp("lexical")
    write_lexical(directory, catalogue)
    lexical = Lexical(directory, len(catalogue))
    asked = " ".join(query)
    stored = scores_of(lexical, asked)
    assert [stored.get(row, 0.0) for row in range(len(catalogue))] == [lexical.score(asked, text) for text in catalogue]


def test_many_rows_are_summed_like_few(tmp_path: Path) -> None:
    """Sorting few postings or counting for every row: the scores are the same."""
    rng = np.random.default_rng(7)
    common = [" ".join(rng.choice(["red", "blue", "shoe"], 2)) for _ in range(500)]
    write_lexical(tmp_path, [*common, "rare one", "rare other", *[""] * 5000])
    lexical = Lexical(tmp_path, 5502)
    for query in ("rare other", "red shoe rare"):
        stored = scores_of(lexical, query)
        assert len(stored) == {"rare other": 2}.get(query, sum("red" in t or "shoe" in t for t in common) + 2)
        assert all(stored[row] == lexical.score(query, text) for row, text in enumerate(common) if row in stored)


def test_agrees_with_another_library(tmp_path: Path) -> None:
    """BM25 as bm25s computes it in Lucene's way, divided by the query's sum of idf, to float32 rounding."""
    rng = np.random.default_rng(3)
    vocabulary = [f"{a}{b}" for a in "bdfgk" for b in ("ar", "el", "on", "um")]
    texts = [" ".join(rng.choice(vocabulary, rng.integers(1, 12))) for _ in range(300)]
    write_lexical(tmp_path, texts)
    lexical = Lexical(tmp_path, len(texts))
    other = bm25s.BM25(k1=K1, b=B, method="lucene")
    other.index([to_words(text) for text in texts], show_progress=False)
    for _ in range(20):
        query = list(dict.fromkeys(rng.choice(vocabulary, 3).tolist()))
        idf = [math.log(1 + (300 - n + 0.5) / (n + 0.5)) for n in (sum(w in t.split() for t in texts) for w in query)]
        mine = np.zeros(len(texts))
        rows, scores = lexical.scores(" ".join(query))
        mine[rows] = scores
        np.testing.assert_allclose(mine * sum(idf), other.get_scores(query), rtol=1e-5, atol=1e-6)


def test_items_without_words_are_known(lexical: Lexical) -> None:
    """They count neither as items nor in the average length."""
    assert lexical.present.tolist() == [True, True, False, True, True, True]
    assert lexical.stats.item_count == 5


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_nothing_to_find(tmp_path: Path, texts: list[str]) -> None:
    """A catalogue without a word answers with nothing."""
    assert write_lexical(tmp_path, texts) == LexicalStats(0, 0, 1.0, TOKENIZER)
    lexical = Lexical(tmp_path, len(texts))
    assert scores_of(lexical, "red shoe") == {}
    assert lexical.score("red shoe", "red shoe") == 0.0


@pytest.mark.parametrize("name", ["terms", "starts", "rows", "weights", "present"])
def test_files_that_do_not_fit_are_refused_by_name(tmp_path: Path, name: str) -> None:
    """Missing, cut short or of another kind: the message names the file."""
    write_lexical(tmp_path, CATALOGUE)
    path = tmp_path / f"{name}.npy"
    whole = np.load(path)
    for broken in (whole[:-1], whole.astype(np.float64)):
        np.save(path, broken)
        with pytest.raises(CorruptSnapshot, match=r"\.npy: expected"):
            Lexical(tmp_path, len(CATALOGUE))
    path.unlink()
    with pytest.raises(CorruptSnapshot, match=rf"{name}\.npy: expected a file of the lexical block"):
        Lexical(tmp_path, len(CATALOGUE))


def test_words_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    """A snapshot whose words were cut otherwise would find the wrong items."""
    write_lexical(tmp_path, CATALOGUE)
    path = tmp_path / "lexical.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer": "words-0-12345678"}))
    with pytest.raises(CorruptSnapshot, match=r"lexical\.json: expected the tokenizer words-1-.*got words-0-12345678"):
        Lexical(tmp_path, len(CATALOGUE))
