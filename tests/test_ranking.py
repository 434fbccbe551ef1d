"""Lists of hits by hand: groups, variety, pins."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.search.rerank import Scored, collapse, diversify, insert_pins

LIST: list[Scored] = [(5.0, 10), (4.0, 11), (3.0, 12), (2.0, 13), (1.0, 14)]
GROUPS = {10: 1, 11: 1, 12: 2, 13: None, 14: None}


def rows(stream: Iterator[Scored]) -> list[int]:
    return [row for _, row in stream]


def test_the_best_of_each_group_stays() -> None:
    """11 stands behind 10 of the same group; rows without a group stand for themselves."""
    assert rows(collapse(LIST, GROUPS.get, (), set())) == [10, 12, 13, 14]


def test_a_pinned_row_takes_its_group() -> None:
    """With 11 pinned, 10 of its group is no hit, though it is the better one."""
    assert rows(collapse(LIST, GROUPS.get, {11}, {1})) == [11, 12, 13, 14]


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        ([(0, 14)], [14, 10, 11, 12, 13]),
        ([(2, 10)], [11, 12, 10, 13, 14]),
        ([(1, 99), (1, 98)], [10, 99, 98, 11, 12, 13, 14]),
        ([(1, 99), (0, 98)], [98, 99, 10, 11, 12, 13, 14]),
        ([(900, 99), (7, 98)], [10, 11, 12, 13, 14, 98, 99]),
        ([], [10, 11, 12, 13, 14]),
    ],
)
def test_pins_stand_where_they_are_put(pins: list[tuple[int, int]], expected: list[int]) -> None:
    """Taken out of the list and put at their place; at one place the later moves down; behind the end is the end."""
    assert rows(insert_pins(LIST, [(place, (0.0, row)) for place, row in pins])) == expected


def test_no_more_is_drawn_than_is_read() -> None:
    """The first hits come before the stream's end is known."""

    def endless() -> Iterator[Scored]:
        row = 0
        while True:
            yield -float(row), row
            row += 1

    stream = insert_pins(collapse(endless(), lambda row: row // 2, (), set()), [(1, (0.0, 4))])
    assert [next(stream)[1] for _ in range(4)] == [0, 4, 2, 6]


VECTORS = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], np.float32)
SCORES: list[Scored] = [(4.0, 0), (3.0, 1), (2.0, 2), (0.0, 3)]


def diverse(share: float, candidates: int = 4) -> list[int]:
    def vectors_of(asked: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {"image": (VECTORS[asked], np.ones(len(asked), np.bool_))}

    return rows(diversify(iter(SCORES), candidates, share, vectors_of, {"image": 1.0}))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, [0, 1, 2, 3]),  # the order of the scores
        (0.0, [0, 2, 3, 1]),  # after 0, likenesses 1, 0, .6; after 2: 1, and max(.6, .8)
        # after 0: .5 * .75 - .5 * 1 = -.125, .5 * .5 - 0 = .25, -.3; after 2: -.125, and -.4
        (0.5, [0, 2, 1, 3]),
    ],
)
def test_marginal_relevance_by_hand(share: float, expected: list[int]) -> None:
    """Relevances are 1, .75, .5 and 0; likenesses are cosines."""
    assert diverse(share) == expected


def test_what_is_behind_the_candidates_keeps_its_order() -> None:
    """Of two candidates only these two are reordered."""
    assert diverse(0.0, candidates=2) == [0, 1, 2, 3]


def test_rows_without_a_block_in_common_are_not_alike() -> None:
    """An item without a picture is as unlike one with a picture as can be: 0."""

    def vectors_of(asked: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {
            "image": (VECTORS[asked], np.array([True, True, False, False])),
            "text": (VECTORS[asked], np.array([False, True, True, True])),
        }

    # After 0, which has a picture only: 1 has the same picture, 2 and 3 have nothing in common with it. After 2:
    # 3 has .8 of its text, 1 the likeness 1 to 0.
    assert rows(diversify(iter(SCORES), 4, 0.0, vectors_of, {"image": 0.5, "text": 0.5})) == [0, 2, 3, 1]
