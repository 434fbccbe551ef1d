"""What a clause says of an aspect, how it is quoted, and what is never quoted."""

import numpy as np
import pytest

from indexer.reviews.aspect_discovery import discover
from indexer.reviews.aspect_mentions import judge, to_clauses, to_mentions
from indexer.reviews.clauses import QUOTE_CHARACTERS, cut, quote
from indexer.reviews.opinion_lexicon import OpinionLexicon, seeds

LEXICON = OpinionLexicon(seeds()["aspects"])


def said(text: str) -> dict[str, bool]:
    """Return which aspects a text praises, by the words of opinion alone."""
    clauses = to_clauses([text], LEXICON)
    nothing = np.zeros(len(clauses.rows))
    found = to_mentions([text], clauses, judge(clauses, nothing, np.zeros(1)), LEXICON.names)[0]
    return {mention.aspect: mention.sentiment > 0.5 for mention in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The fit is perfect but the delivery was slow.", {"fit": True, "delivery": False}),
        ("The quality is not good.", {"quality": False}),
        ("质量很好，但是物流太慢", {"quality": True, "delivery": False}),
        ("味道不好吃", {"taste": False}),
        ("服务态度不太好", {"service": False}),
        ("True to size.", {"fit": True}),
    ],
)
def test_each_clause_speaks_for_itself(text: str, expected: dict[str, bool]) -> None:
    """Aspects in one sentence are judged by their own clauses, and a denial turns praise around."""
    assert said(text) == expected


def test_clauses_are_places_in_the_text() -> None:
    """Sentences end at marks of either writing, clauses at commas and contrasts; a decimal number is not cut."""
    text = "It cost 9.50 and fits, but the colour faded. 很好，不错！"
    assert [text[one.start : one.end] for one in cut(text)] == [
        "It cost 9.50 and fits",
        "but the colour faded.",
        "很好",
        "不错！",
    ]


def test_a_short_clause_is_quoted_with_its_sentence() -> None:
    """What says too little by itself comes with the rest of its sentence, just as it was written."""
    text = "Nice, but  too small. Other things."
    assert quote(text, cut(text), 0) == "Nice, but  too small."


def test_a_long_clause_is_cut_between_words() -> None:
    """A quote is no longer than QUOTE_CHARACTERS and ends with a whole word of the text."""
    text = "quality " + "wonderful " * 40
    found = quote(text, cut(text), 0)
    assert len(found) <= QUOTE_CHARACTERS
    assert text.startswith(found + " ")


@pytest.mark.parametrize(
    "private", ["write to anna.b@example.com", "call +49 170 1234567", "see www.example.com/me", "加微信abc12345"]
)
def test_what_tells_of_a_person_is_not_quoted(private: str) -> None:
    """Addresses and numbers of persons are never shown, whatever is said beside them."""
    text = f"The quality is bad {private}"
    assert quote(text, cut(text), 0) == ""


def test_an_aspect_that_nobody_listed_is_discovered() -> None:
    """What reviews often call so and so, and mostly badly, becomes an aspect; what goes with any verdict does not."""
    texts = ["The handle is loose."] * 20 + ["The lamp is here."] * 20 + ["Fine."] * 60
    verdicts = np.array([0.0] * 20 + [0.7] * 20 + [0.9] * 60)
    verdicts[20:40] = verdicts.mean()
    assert discover(texts, verdicts) == {"handle": ("handle", "handles")}


def test_no_text_has_no_clauses() -> None:
    """Texts without words are judged to say nothing."""
    assert said("") == said("!!! …") == {}
