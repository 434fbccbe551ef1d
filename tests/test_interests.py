"""Interests of histories made by hand."""

import numpy as np
import pytest

from engine.recommend.interests import Interest, find_interests
from engine.scoring.vectors import Matrix, to_unit

# Two things near the first axis, three near the second, one at the third.
MIXED = to_unit(np.array([[1, 0.1, 0], [1, -0.1, 0], [0, 1, 0.1], [0, 1, 0], [0.1, 1, 0], [0, 0, 1]], np.float32))


def plain(count: int) -> Matrix:
    return np.ones(count, np.float32)


def groups(found: list[Interest]) -> list[set[int]]:
    return [set(interest.members) for interest in found]


def test_what_is_alike_is_one_interest() -> None:
    """The strongest first, and what stands alone is an interest too."""
    found = find_interests(MIXED, plain(6))
    assert groups(found) == [{2, 3, 4}, {0, 1}, {5}]
    assert [interest.share for interest in found] == pytest.approx([1 / 2, 1 / 3, 1 / 6])


def test_shares_go_by_weight() -> None:
    """One heavy item is a stronger interest than three light ones."""
    found = find_interests(MIXED, np.array([1, 1, 1, 1, 1, 15]))
    assert found[0] == Interest((5,), 0.75)
    assert sum(interest.share for interest in found) == pytest.approx(1.0)


def test_the_medoid_is_the_item_in_the_middle() -> None:
    """Of three on an arc the middle one has the largest mean cosine; the other two follow, the heavier one first."""
    arc = np.array([[np.cos(angle), np.sin(angle)] for angle in (0.0, 0.3, 0.6)], np.float32)
    (interest,) = find_interests(arc, np.array([1.0, 1.0, 1.01]))
    assert interest.medoid == 1
    assert interest.members == (1, 2, 0)


def test_weight_draws_the_medoid() -> None:
    """With nearly all weight on one end of the arc, that end stands for it."""
    arc = np.array([[np.cos(angle), np.sin(angle)] for angle in (0.0, 0.3, 0.6)], np.float32)
    (interest,) = find_interests(arc, np.array([0.1, 0.1, 9.0]))
    assert interest.medoid == 2


@pytest.mark.parametrize(("usual", "count"), [(0.0, 1), (0.9, 2)])
def test_alike_means_what_it_means_in_the_shop(usual: float, count: int) -> None:
    """A cosine of .8 is more than 1 - .7 * (1 - 0) = .3, and less than 1 - .7 * (1 - .9) = .93."""
    pair = np.array([[1.0, 0.0], [0.8, 0.6]], np.float32)
    assert len(find_interests(pair, plain(2), usual)) == count


def test_there_are_no_more_than_asked() -> None:
    """Ten items at right angles to each other would be ten; eight have room, and none is lost."""
    found = find_interests(np.eye(10, dtype=np.float32), plain(10))
    assert len(found) == 8
    assert sorted(place for interest in found for place in interest.members) == list(range(10))


def test_one_item_is_one_interest() -> None:
    assert find_interests(MIXED[:1], plain(1)) == [Interest((0,), 1.0)]


def test_equal_vectors_are_one_interest() -> None:
    """However strict the limit; the first stands for all."""
    found = find_interests(np.repeat(MIXED[:1], 5, axis=0), plain(5), split_threshold=0.0)
    assert found == [Interest((0, 1, 2, 3, 4), 1.0)]


def test_nothing_has_no_interests() -> None:
    assert find_interests(np.zeros((0, 3), np.float32), plain(0)) == []


def test_interests_are_the_same_each_time() -> None:
    """Of 200 items at random, none is lost, none is twice, and a second look finds the same."""
    rows = to_unit(np.random.default_rng(7).normal(size=(200, 32)))
    weights = np.linspace(0.1, 1.0, 200)
    found = find_interests(rows, weights)
    assert found == find_interests(rows.copy(), weights.copy())
    assert sorted(place for interest in found for place in interest.members) == list(range(200))
    assert [interest.share for interest in found] == sorted((interest.share for interest in found), reverse=True)
