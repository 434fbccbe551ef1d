"""Titles read for facts, sentences made of them, and what a free writer may not say."""

from typing import Any

import numpy as np
import pytest

from benchmarks.descriptions import agreement
from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.composer import Composer
from engine.descriptions.describer import Describer, DescribeRequest, Subject
from engine.descriptions.discriminant import MIN_READINGS, NEVER, find_reliable_threshold
from engine.descriptions.fact_check import check
from engine.descriptions.facts import Facts, find_fields
from engine.descriptions.grammar import count_words, is_many
from engine.descriptions.writer import Style


def write(payload: dict[str, Any], others: list[dict[str, Any]] | None = None, style: Style = Style.LONG) -> str:
    describer = Describer(CatalogModel([payload, *(others or [])]), Composer())
    return describer.describe([Subject(payload, seed="x")], DescribeRequest(style))[0].text


def shoes(title: str = "Puma Men Track Cat Black Casual Shoe") -> dict[str, Any]:
    return {
        "title": title, "article_type": "Casual Shoes", "category": "Footwear", "base_colour": "Black", "gender": "Men",
        "season": "Fall", "year": 2011.0, "usage": "Casual",
    }  # fmt: skip


def test_a_title_of_names_and_attributes_becomes_a_sentence() -> None:
    """Brand and name are kept, the kind is spoken of as a pair, and each field is told."""
    text = write(shoes())
    assert "Puma Track Cat" in text
    assert "pair of black casual shoes for men" in text
    assert "Fall 2011" in text
    assert "casual wear" in text


def test_a_title_of_segments_becomes_features() -> None:
    """What stands behind "with", between commas and after "for" are facts of their own."""
    title = "JBL C100SI Wired In Ear Headphones with Mic, Pure Bass Sound, Foldable, Black"
    text = write({"title": title, "category": "tv, audio & cameras"})
    assert "JBL C100SI" in text
    assert "wired in-ear headphones" in text
    assert "pure bass sound" in text
    assert "foldable" in text
    assert "black" in text
    assert "tv" not in text.lower()
    assert "compatible with iPhone 12 Mini" in write({"title": "POPIO Screen Guard Compatible with iPhone 12 Mini"})
    assert "24" in write({"title": "Amazon Basics Permanent Markers - Pack of 24"})


def test_a_title_that_was_cut_off_is_not_taken_at_its_word() -> None:
    assert "certif" not in write({"title": "Wayona USB Cable | 2 m Length | BIS Certif..."}).lower()


@pytest.mark.parametrize(
    "title", ["Ant Remote - (Any Query Pls Whatsapp @ Nine Eight)", "Case Cover with No Cost EMI Offers"]
)
def test_advertising_in_a_title_is_left_out(title: str) -> None:
    text = write({"title": title}).lower()
    assert "whatsapp" not in text
    assert "emi" not in text


def test_series_size_and_colours_of_furniture() -> None:
    payload = {
        "title": "MARIAM Curtains, 1 pair", "name": "MARIAM", "category": "Curtains, 1 pair", "color": "White,black",
        "size": "145x300 cm", "description": "Easy to wash. View more product information Hems are included.",
    }  # fmt: skip
    text = write(payload)
    assert "white and black" in text
    assert "145 × 300 cm" in text
    assert "Easy to wash. Hems are included." in text
    assert "information" not in text


def test_plural_things_are_spoken_of_as_many() -> None:
    assert is_many("quilt cover and 2 pillowcases")
    assert not is_many("storage crate with castors")
    assert not is_many("set of 6 glasses")
    assert write({**shoes("Nike Men Black Shoes"), "usage": ""}).split()[0] != "This"


def test_a_department_is_no_kind_of_thing() -> None:
    """A category is what a thing is only where titles or descriptions call it so."""
    payload = {"title": "Royal Gala", "category": "Apparel > Tops & more"}
    assert "tops" not in write(payload).lower()
    apples = [{"title": name, "category": "Apple", "description": f"{name} is an apple."} for name in ("Gala", "Fuji")]
    assert "apple" in write({"title": "Pink Lady", "category": "Apple"}, apples)


def test_the_title_wins_over_the_shelf_it_is_filed_under() -> None:
    """Flats that a shop files under heels are flats."""
    flats = {**shoes("Catwalk Women Casual Brown Flats"), "article_type": "Heels"}
    text = write(flats, [{**shoes("Rocia Women Black Flats"), "article_type": "Flats"}])
    assert "flats" in text
    assert "heels" not in text


def test_lines_with_labels_are_read() -> None:
    payload = {
        "title": "Mango",
        "category": "Mango",
        "information": "Title: Mango\nCountry and volume: Mexico, ca 400g",
    }
    text = write(payload)
    assert "Mexico" in text
    assert "about 400 g" in text


def test_bullets_tell_different_facts() -> None:
    lines = write(shoes(), style=Style.BULLETS).splitlines()
    assert 4 <= len(lines) <= 6
    assert len(set(lines)) == len(lines)


def test_no_dot_comes_twice_and_no_long_text_is_too_long() -> None:
    text = write(
        {"title": "Cap", "product_type": "cap", "brand": "U.S. Polo Assn.", "description": "Soft and warm. " * 60}
    )
    assert ".." not in text
    assert count_words(text) <= 80


MUG = {"product_type": "mug", "title": "Lumora mug", "features": "not waterproof, organic glaze"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("This blue mug is a joy. It is organic.", "This mug is a joy. It is organic."),
        ("This mug is a joy. It is waterproof.", "This mug is a joy."),
        ("This mug is a joy. It is dishwasher-safe.", "This mug is a joy."),
        ("This mug is a joy. It is not heavy.", "This mug is a joy."),
        ("This mug is a joy. A set of three.", "This mug is a joy."),
        ("This mug is a joy, by Wedgwood. Enjoy.", ""),
        ("This mug is a joy. It comes in red.", "This mug is a joy."),
    ],
)
def test_what_no_field_bears_out_is_left_out(text: str, left: str) -> None:
    """Of a free writer's text: colours, promises, negations, counts and names that nobody told."""
    shelf = CatalogModel([MUG])
    assert check(text, Facts.of(MUG, find_fields(MUG)), shelf.vocabulary, strict=True).text == left


def test_a_picture_is_believed_from_where_nine_of_ten_were_right() -> None:
    """The threshold is the lowest probability above which readings were reliable; there may be none."""
    sure = np.linspace(1.0, 0.0, 100)
    assert find_reliable_threshold(sure, np.ones(100, np.bool_)) == 0.0
    assert find_reliable_threshold(sure, np.zeros(100, np.bool_)) == NEVER
    half = np.arange(100) < 45
    assert find_reliable_threshold(sure, half) == pytest.approx(sure[49])
    assert find_reliable_threshold(sure[: MIN_READINGS - 1], np.ones(MIN_READINGS - 1, np.bool_)) == NEVER


def test_raters_agree_fully_or_as_strangers() -> None:
    """Krippendorff's alpha is 1 for equal ratings, and below 0 for opposite ones."""
    assert agreement(np.array([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])) == 1.0
    assert agreement(np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]])) < 0
