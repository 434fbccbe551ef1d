"""Descriptions: what words claim, what contradicts what is known, and what is written of a product."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.descriptions.caption_noun import find_caption_noun
from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.composer import Composer
from engine.descriptions.describer import Describer, DescribeRequest, Description, Subject
from engine.descriptions.discriminant import fit, log_softmax
from engine.descriptions.fact_check import check, contradictions
from engine.descriptions.facts import Facts, find_fields, numbers_in
from engine.descriptions.grammar import article, count_words, is_plural, plural, sentences, singular
from engine.descriptions.writer import Brief, Style
from engine.descriptions.writer import fit as cut
from indexer.sample import sample_catalog, sample_item

UNSEEN_SEED = 11


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """400 rows of a generated catalogue, without pictures."""
    return [dict(sample_catalog.row(sample_item.item(UNSEEN_SEED, number))) for number in range(400)]


@pytest.fixture(scope="module")
def shelf(rows: list[dict[str, Any]]) -> CatalogModel:
    return CatalogModel(rows)


@pytest.fixture(scope="module")
def describer(shelf: CatalogModel) -> Describer:
    return Describer(shelf, Composer())


@pytest.fixture
def mug() -> dict[str, Any]:
    return {
        "product_type": "mug", "category": "kitchen", "color": "red", "accent_color": "white", "pattern": "striped",
        "material": "ceramic", "brand": "Lumora", "price": 14.5, "title": "Lumora mug",
    }  # fmt: skip


def facts_of(payload: dict[str, Any]) -> Facts:
    return Facts.of(payload, find_fields(payload))


def one(describer: Describer, payload: dict[str, Any], **wish: Any) -> Description:
    (description,) = describer.describe([Subject(payload, seed="x")], DescribeRequest(**wish))
    return description


def test_a_or_an_goes_by_the_sound() -> None:
    phrases = ["aqua bike", "unisex cap", "LED lamp", "hourglass", "umbrella", "US flag", "one-piece", "red mug"]
    expected = [
        "an aqua bike", "a unisex cap", "an LED lamp", "an hourglass", "an umbrella", "a US flag", "a one-piece",
        "a red mug",
    ]  # fmt: skip
    assert [article(phrase) for phrase in phrases] == expected


def test_irregular_plurals_and_phrases() -> None:
    """shelf, sheep and mango have plurals of their own, and a phrase is inflected at its head."""
    nouns = ("Wall Shelf", "sheep", "mango", "scarf", "box with lid", "box with lids")
    assert [plural(noun) for noun in nouns] == [
        "Wall Shelves", "sheep", "mangoes", "scarves", "boxes with lid", "boxes with lids",
    ]  # fmt: skip
    assert [singular(noun) for noun in ("shelves", "scarves", "knives")] == ["shelf", "scarf", "knife"]


def test_one_and_many() -> None:
    """Watches are one watch; trousers are many whatever is done to them; glass and canvas are one."""
    assert [singular(noun) for noun in ("watches", "Tshirts", "berries", "trousers", "dress", "phone cases")] == [
        "watch", "Tshirt", "berry", "trousers", "dress", "phone case",
    ]  # fmt: skip
    assert [plural(noun) for noun in ("watch", "mug", "berry", "trousers", "box")] == [
        "watches", "mugs", "berries", "trousers", "boxes",
    ]  # fmt: skip
    assert [is_plural(noun) for noun in ("headphones", "glass", "canvas", "running shoes")] == [
        True,
        False,
        False,
        True,
    ]


def test_sentences_end_where_a_new_one_begins() -> None:
    assert sentences("Holds 1.5 litres. Safe in the dishwasher! Red") == [
        "Holds 1.5 litres.", "Safe in the dishwasher!", "Red",
    ]  # fmt: skip


def test_no_sentence_ends_within_a_name() -> None:
    """Initials, abbreviations and the product's own names have dots too."""
    for name in ("U.S. Polo Assn. Cap", "Dr. Martens Boots", "St. Ives Scrub", "J. Crew Tee", "Chanel No. 5 Soap"):
        assert sentences(f"A gift by {name}. It lasts.") == [f"A gift by {name}.", "It lasts."]
    assert sentences("Will it shrink? No. It lasts.") == ["Will it shrink?", "No.", "It lasts."]
    assert sentences("From Wow! Brand. It lasts.", ["Wow! Brand"]) == ["From Wow! Brand.", "It lasts."]


def test_a_short_description_keeps_a_name_whole(describer: Describer, mug: dict[str, Any]) -> None:
    for brand in ("U.S. Polo Assn.", "Dr. Martens", "Wow! Wares"):
        text = one(describer, {**mug, "brand": brand, "title": f"{brand} Mug"}, style=Style.SHORT).text
        assert brand in text
        assert text.count("mug") + text.count("Mug") >= 1


def test_numbers_are_read_as_amounts() -> None:
    assert numbers_in("1,299.00 EUR for 12,50 or 3") == ["1299", "12.5", "3"]


def test_fields_are_found_by_the_names_that_shops_use() -> None:
    """Without a type the category says what a thing is; what lies in mappings is found too."""
    assert find_fields(["article_type", "base_colour", "gender"]) == {
        "type": "article_type", "colour": "base_colour", "for": "gender",
    }  # fmt: skip
    assert find_fields(["category", "department", "attributes.material"]) == {
        "type": "category", "category": "department", "material": "attributes.material",
    }  # fmt: skip


def test_a_catalogue_teaches_what_its_things_are_called(shelf: CatalogModel) -> None:
    """Titles call a mug a cup and a coffee mug too; coffee alone is none."""
    assert shelf.vocabulary.nouns("mug")[0] == "mug"
    assert {"cup", "coffee mug"} <= set(shelf.vocabulary.nouns("mug"))
    assert "coffee" not in shelf.vocabulary.nouns("mug")


def test_the_longest_words_are_the_claim(shelf: CatalogModel) -> None:
    """Off-white is white, a phone case is no phone, and cherry red is one colour."""
    text = "An off-white phone case with cherry red edges"
    assert [
        (claim.role, text[claim.start : claim.end], *claim.meanings) for claim in shelf.vocabulary.claims(text)
    ] == [
        ("colour", "off-white", "white"),
        ("type", "phone case", "phone case"),
        ("colour", "cherry red", "red"),
    ]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("A blue mug.", ["color"]),
        ("A red wooden mug.", ["material"]),
        ("A scarlet stoneware cup by Lumora with a snow white handle.", []),
        ("A red mug by Nordvik.", ["brand"]),
        ("A red teapot.", ["product_type"]),
        ("A dotted red mug for 20 euros.", ["pattern", "number"]),
        ("A red mug for 14.50.", []),
        ("A white mug with a red handle.", ["color"]),
    ],
)
def test_what_the_facts_contradict_is_found(
    shelf: CatalogModel, mug: dict[str, Any], text: str, fields: list[str]
) -> None:
    """Colour, material, pattern, type, brand and number; synonyms and the accent colour of a part are right."""
    assert list(check(text, facts_of(mug), shelf.vocabulary).corrected_fields) == fields


def test_a_contradiction_is_put_right_or_left_out(shelf: CatalogModel, mug: dict[str, Any]) -> None:
    text = "An orange teapot with a black handle. Looks good beside your sofa. Safe in the dishwasher."
    checked = check(text, facts_of(mug), shelf.vocabulary)
    assert checked.text == "A red mug with a white handle. Safe in the dishwasher."
    assert checked.corrected_fields == ("color", "product_type")


def test_a_text_that_cannot_be_put_right_is_refused(shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """A first sentence with a number that nobody knows carries the whole text away."""
    assert check("A mug that holds 350 ml. Nice.", facts_of(mug), shelf.vocabulary).text == ""


def test_what_is_not_known_contradicts_nothing(shelf: CatalogModel) -> None:
    assert contradictions("A blue wooden mug.", facts_of({"product_type": "mug"}), shelf.vocabulary) == []


def test_own_descriptions_are_no_contradictions(shelf: CatalogModel, rows: list[dict[str, Any]]) -> None:
    """The leading sentence of each generated description, in whatever words, is borne out by its own row."""
    wrong = [
        row["item_id"]
        for row in rows
        if contradictions(sentences(row["description"])[0], Facts.of(row, shelf.fields), shelf.vocabulary)
    ]
    assert len(wrong) <= 2


def test_every_wrong_colour_and_type_is_found(shelf: CatalogModel, rows: list[dict[str, Any]]) -> None:
    """A sentence with another row's colour or type never passes."""
    for row, other in pairwise(rows):
        facts = Facts.of(row, shelf.fields)
        if other["color"] not in (row["color"], row["accent_color"]):
            assert contradictions(f"It comes in {other['color']}.", facts, shelf.vocabulary)
        if other["product_type"] != row["product_type"]:
            assert contradictions(f"A lovely {other['product_type']}.", facts, shelf.vocabulary)


def test_what_is_known_is_said_and_nothing_else(
    describer: Describer, shelf: CatalogModel, rows: list[dict[str, Any]]
) -> None:
    """Type and colour of every row in every style, and no contradiction."""
    for style in Style:
        written = describer.describe([Subject(row, seed=row["item_id"]) for row in rows], DescribeRequest(style))
        for row, found in zip(rows, written, strict=True):
            assert row["product_type"] in found.text.lower()
            assert row["color"] in found.text.lower()
            assert contradictions(found.text, Facts.of(row, shelf.fields), shelf.vocabulary) == []
            assert found.corrected_fields == ()


def test_texts_read_well(describer: Describer, rows: list[dict[str, Any]]) -> None:
    """No article before the wrong sound, no word twice in a row, a capitalise first, an end at the end."""
    for found in describer.describe([Subject(row, seed=row["item_id"]) for row in rows], DescribeRequest()):
        words = found.text.lower().replace(".", " ").split()
        assert found.text[0].isupper()
        assert found.text.endswith(".")
        assert all(one != other for one, other in pairwise(words))
        assert len(set(sentences(found.text))) == len(sentences(found.text))


def test_styles_have_their_forms(describer: Describer, mug: dict[str, Any]) -> None:
    assert len(sentences(one(describer, mug, style=Style.SHORT).text)) == 1
    assert len(sentences(one(describer, mug, style=Style.LONG).text)) > 1
    lines = one(describer, mug, style=Style.BULLETS).text.splitlines()
    assert len(lines) > 2
    assert all(line.startswith("- ") for line in lines)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("words", [1, 2, 3, 5, 8, 13, 40])
def test_no_text_is_longer_than_asked(
    describer: Describer, rows: list[dict[str, Any]], style: Style, words: int
) -> None:
    wish = DescribeRequest(style, "busy parents of small children", words)
    for found in describer.describe([Subject(row, seed=row["item_id"]) for row in rows[:40]], wish):
        assert found.text
        assert count_words(found.text) <= max(words, 2 if style is Style.BULLETS else 1)


def test_the_audience_is_spoken_of(describer: Describer, mug: dict[str, Any]) -> None:
    for style in Style:
        assert "parents" in one(describer, mug, style=style, audience="parents").text


def test_an_age_of_the_audience_is_no_mistake(describer: Describer, mug: dict[str, Any]) -> None:
    found = one(describer, mug, audience="children aged 3")
    assert "3" in found.text
    assert found.corrected_fields == ()


def test_only_fields_that_the_item_has_are_put_right(shelf: CatalogModel) -> None:
    """A field within another is named with it; what was left out of a text is no field of the item."""
    payload = {"attributes": {"color": "red"}, "product_type": "mug", "number": "x"}
    describer = Describer(CatalogModel([payload]), Parroting("A green steel mug. It costs 99 euros."))
    found = one(describer, payload)
    assert found.text == "A red mug."
    assert found.corrected_fields == ("attributes.color",)


def test_the_same_product_gets_the_same_words(describer: Describer, rows: list[dict[str, Any]]) -> None:
    """Texts vary from one product to the next, not from one time to the next."""
    subjects = [Subject(row, seed=row["item_id"]) for row in rows[:60]]
    first, again = (describer.describe(subjects, DescribeRequest()) for _ in range(2))
    assert first == again
    assert len({found.text.split()[0] for found in first}) > 5


def test_no_sentence_of_another_item_is_taken_over(describer: Describer, mug: dict[str, Any]) -> None:
    """What other mugs' descriptions say is not known of this one."""
    assert "dishwasher" not in one(describer, mug).text
    own = {**mug, "description": "Safe in the dishwasher. Photographed on a wooden floor."}
    assert "Safe in the dishwasher." in one(describer, own).text
    assert "Photographed" not in one(describer, own).text


def test_a_generated_description_is_no_source() -> None:
    """What a machine wrote is not taken for what the shop says."""
    payload = {"description": "Written by a machine.", "generated": ["description"]}
    assert Facts.of(payload, {}).description == ""
    assert Facts.of({"description": "Written by us."}, {}).description == "Written by us."


def test_a_shops_own_field_of_that_name_means_nothing() -> None:
    """A shop may call a field `generated` and put anything there: its descriptions stay its own."""
    rows = [{"type": "mug", "description": "Safe in the dishwasher.", "generated": value} for value in (True, 3)]
    assert all(Facts.of(row, {}).description == "Safe in the dishwasher." for row in rows)


def test_a_caption_is_cut_down_to_its_noun(shelf: CatalogModel) -> None:
    captions = [
        "purple teapot with red, plain glass", "a close up of a red coffee mug on a table", "there is a garden gnome",
    ]  # fmt: skip
    assert [find_caption_noun(caption, shelf.vocabulary) for caption in captions] == [
        "teapot",
        "coffee mug",
        "garden gnome",
    ]


class Parroting:
    """A writer that writes the same of anything."""

    name = "parroting"

    def __init__(self, text: str) -> None:
        self.text = text

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return the text."""
        return self.text


class Parrot:
    """A captioner that says what it is told to, and finds captions likely that say a certain word."""

    name = "parrot"

    def __init__(self, caption: str, likes: str) -> None:
        self.text, self.likes = caption, likes

    def caption(self, images: list[Image.Image]) -> list[str]:
        """Return the same caption for each."""
        return [self.text] * len(images)

    def log_likelihoods(self, image: Image.Image, texts: list[str]) -> np.ndarray:
        """Return what each is liked."""
        return np.array([0.0 if self.likes in text else -20.0 for text in texts], np.float32)


def test_a_caption_that_the_catalogue_contradicts_is_not_heard(shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """The catalogue's colour is written, and nothing was corrected, for no text said another."""
    describer = Describer(shelf, Composer(), Parrot("green mug with white", "green"))
    (found,) = describer.describe([Subject(mug, image=Image.new("RGB", (8, 8)))], DescribeRequest())
    assert "red" in found.text
    assert "green" not in found.text
    assert found.corrected_fields == ()
    assert found.model == "coca:parrot"


def test_a_picture_alone_is_described_by_its_likeliest_caption(shelf: CatalogModel) -> None:
    """Not what is said first counts, but which colour makes the caption likeliest."""
    describer = Describer(shelf, Composer(), Parrot("green mug with white", "blue mug"))
    (found,) = describer.describe([Subject({}, image=Image.new("RGB", (8, 8)))], DescribeRequest())
    assert found.text.startswith("This mug comes in blue.")


def test_a_catalogue_without_words_is_described_by_the_caption_alone() -> None:
    describer = Describer(CatalogModel([]), Composer(), Parrot("a red coffee mug on a table", "red"))
    (found,) = describer.describe([Subject({}, image=Image.new("RGB", (8, 8)))], DescribeRequest())
    assert found.text == "This coffee mug comes in red."


def test_a_product_of_which_only_the_title_is_known_is_named(describer: Describer) -> None:
    assert "Granny Smith" in one(describer, {"title": "Granny Smith"}).text


def test_the_discriminant_tells_clusters_apart_and_knows_how_well() -> None:
    """Two clusters far apart are told surely, two that are one cloud no better than by chance."""
    rng = np.random.default_rng(0)
    far = np.concatenate([rng.normal(-2, 1, (200, 4)), rng.normal(2, 1, (200, 4))])
    told = fit(far, ["a"] * 200 + ["b"] * 200)
    assert told is not None
    assert told.accuracy > 0.98
    assert np.exp(told.read(np.full((1, 4), 2.0)))[0, 1] > 0.95
    same = fit(rng.normal(0, 1, (400, 4)), ["a", "b"] * 200)
    assert same is not None
    assert same.accuracy == pytest.approx(0.5, abs=0.15)
    assert fit(far[:10], ["a"] * 5 + ["b"] * 5) is None


def test_the_discriminant_leaves_a_catalogue_of_single_items_alone() -> None:
    """It would never name those of which there is one, and they are many."""
    rows = np.random.default_rng(0).normal(0, 1, (80, 4))
    assert fit(rows, ["a"] * 25 + ["b"] * 25 + [f"one{number}" for number in range(30)]) is None
    assert fit(rows, ["a"] * 38 + ["b"] * 38 + [f"one{number}" for number in range(4)]) is not None


def test_log_shares_sum_to_one() -> None:
    np.testing.assert_allclose(
        np.exp(log_softmax(np.array([[0.0, np.log(3.0)], [1000.0, 0.0]]))), [[0.25, 0.75], [1, 0]]
    )


def test_a_text_is_cut_between_sentences_and_lines() -> None:
    assert cut("One two. Three four five.", Style.LONG, 4) == "One two."
    assert cut("One two. Three.", Style.SHORT, 9) == "One two."
    assert cut("* One\n* Two three", Style.BULLETS, 3) == "- One"
    assert cut("One two three.", Style.LONG, 2) == ""
