"""Tags of items from titles and pictures, by hand."""

import numpy as np
import pytest

from indexer.shoppers.item_tags import (
    TagKind,
    find_margin,
    missing_tag_kinds,
    tag_kind,
    tag_kinds,
    values_in_images,
    values_in_titles,
)

COLOUR = TagKind(
    "colour", frozenset({"colour"}), ("a {} thing",), {"red": ("red", "scarlet"), "blue": ("blue", "navy")}
)


@pytest.mark.parametrize(
    ("title", "code"),
    [("A scarlet mug", 0), ("Navy blue mugs", 1), ("red and blue", -1), ("a mug", -1), ("", -1), ("redder", -1)],
)
def test_a_title_that_names_one_colour_is_believed(title: str, code: int) -> None:
    assert values_in_titles(COLOUR, [title]).tolist() == [code]


def test_a_picture_is_told_by_what_is_usual() -> None:
    """All are likelier red; by their spreads, the first is red by 1.41 + .71, the last blue by as much."""
    codes, margins = values_in_images(np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [np.nan, np.nan]], np.float32))
    assert codes[[0, 2, 3]].tolist() == [0, 1, -1]
    assert margins[[0, 2]] == pytest.approx([2 * 1.2247, 2 * 1.2247], rel=1e-3)
    assert margins[3] == -np.inf


def test_pictures_are_believed_as_far_as_they_are_right() -> None:
    """The surest 90 of 100 are right but for ten: .9 of 100 is the least that is enough, of 101 it is not."""
    said = np.zeros(101, np.int8)
    seen = np.where(np.arange(101) < 90, 0, 1).astype(np.int8)
    least, agreement = find_margin(seen, np.linspace(2, 1, 101), said)
    assert agreement == pytest.approx(0.9)
    assert least == pytest.approx(1.01)


def test_without_enough_proof_no_picture_is_believed() -> None:
    """Forty items that are all right are too few to tell."""
    assert find_margin(np.zeros(40, np.int8), np.ones(40), np.zeros(40, np.int8)) == (float("inf"), 0.0)


def test_tags_say_where_they_are_from() -> None:
    """Sixty titles and pictures agree; of four pictures without a title the unsure one is left alone."""
    titles = ["red"] * 30 + ["blue"] * 30 + [""] * 4
    scores = np.array(
        [[1.0, 0.0]] * 30 + [[0.0, 1.0]] * 30 + [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], np.float32
    )
    tags = tag_kind(COLOUR, titles, scores)
    assert tags.codes[60:].tolist() == [0, 1, 0, -1]
    assert (tags.said, tags.seen, tags.agreement) == pytest.approx((60 / 64, 3 / 64, 1.0))


def test_a_field_of_the_catalogue_needs_no_tag() -> None:
    """Whatever it is called: base_colour and attributes.Material tell what tags would."""
    assert [kind.name for kind in missing_tag_kinds(["title", "base_colour", "attributes.Material"])] == ["pattern"]


def test_no_word_says_two_values_of_a_kind() -> None:
    for kind in tag_kinds():
        words = [word for values in kind.values.values() for word in values]
        assert len(words) == len(set(words))
        assert len(kind.values) < 127
