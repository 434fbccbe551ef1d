"""Texts as grams: what stands in them, in every way of writing, and known again wherever it stands."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.reviews.ngram_vocabulary import NgramVocabulary, common, grams_of
from indexer.reviews.ngrams import OF_CHINESE, OF_LETTERS, OF_WORDS, fold, is_chinese_text, to_grams
from indexer.reviews.opinion_lexicon import OpinionLexicon


def spans(text: str, family: int) -> list[str]:
    """Return the texts of one family of grams."""
    found = to_grams([text])
    kept = np.flatnonzero(found.families == family).tolist()
    return sorted(text[found.starts[place] : found.ends[place] + 1] for place in kept)


def test_words_come_alone_in_pairs_and_in_threes() -> None:
    """Four words are four grams, three pairs and two threes."""
    assert spans("not good at all", OF_WORDS) == sorted(
        ["not", "good", "at", "all", "not good", "good at", "at all", "not good at", "good at all"]
    )


def test_letters_of_a_word_know_its_edges() -> None:
    """The edge before and behind a word counts as a letter, so that "art" begins otherwise than it is in "part"."""
    art, part = (set(to_grams([text]).keys.tolist()) for text in ("art", "part"))
    assert len(art & part) == 6  # ar, rt, art, and with the edge behind them t_, rt_, art_; not _a, _ar, _art, _art_
    assert sorted(spans("ab", OF_LETTERS)) == ["a", "ab", "ab", "ab", "ab", "b"]


def test_signs_are_cut_in_runs_of_up_to_five() -> None:
    """A writing without spaces gives runs of signs, marks between them included, and no blanks."""
    assert spans("不好 吃", OF_CHINESE) == sorted(["不", "好", "吃", "不好"])
    assert len(spans("一二三四五六", OF_CHINESE)) == 6 + 5 + 4 + 3 + 2


def test_a_gram_is_the_same_wherever_it_stands() -> None:
    """The same words in another text, behind other words, have the same hashes."""
    alone, later = to_grams(["does not fit"]), to_grams(["this coat does not fit", "不好"])
    assert set(alone.keys.tolist()) <= set(later.keys[later.rows == 0].tolist())


def test_case_width_and_repeated_marks_are_folded() -> None:
    """What looks alike is alike: ＧＯＯＤ!!!!!! is good!!!"""
    assert fold("ＧＯＯＤ！！！！！！") == "good!!!"


def test_a_text_in_chinese_with_some_english_is_in_signs() -> None:
    """One word in Latin letters does not make a text one of words."""
    assert is_chinese_text(fold("这个CPU很好"))
    assert not is_chinese_text(fold("A very good CPU"))


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_texts_have_grams_within_them(texts: list[str]) -> None:
    """Whatever is written, every gram lies within the text that it is said to stand in."""
    folded = [fold(text.encode("utf-8", "replace").decode()) for text in texts]
    found = to_grams(folded)
    begins = np.cumsum([0, *(len(text) + 1 for text in folded)])
    assert np.all(found.starts >= begins[found.rows])
    assert np.all(found.ends < begins[found.rows + 1] - 1)


@given(st.sets(st.integers(0, 2**64 - 1), max_size=200), st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_a_vocabulary_finds_what_it_has_and_nothing_else(known: set[int], others: list[int]) -> None:
    """A known gram has its number, any other has -1."""
    keys = np.array(sorted(known), np.uint64)
    wanted = np.array([*known, *others], np.uint64)
    expected = [sorted(known).index(key) if key in known else -1 for key in wanted.tolist()]
    assert NgramVocabulary(keys).places(wanted).tolist() == expected


def test_counts_are_by_row_and_gram() -> None:
    """A gram that stands twice in a text counts twice, one of a single text is not common."""
    grams = grams_of(["good good", "good", "bad"])
    keys, families = common(grams, 2, 1000)
    counts = NgramVocabulary(keys).count(grams.rows, grams.keys, 3).toarray()
    words = families == OF_WORDS
    assert counts[:, words].tolist() == [[2], [1], [0]]


def test_a_lexicon_finds_a_term_under_all_its_names() -> None:
    """A term of two names is found under both, one of several words as a whole."""
    lexicon = OpinionLexicon({"fit": ["true to size"], "size": ["size"], "look": ["size", "好看"]})
    keys = to_grams([fold("True to size, 好看")]).keys
    names = [lexicon.names[number] for number in lexicon.find(keys)[1].tolist()]
    assert sorted(names) == ["fit", "look", "look", "size"]
