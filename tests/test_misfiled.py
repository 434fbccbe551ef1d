"""Items in the wrong category: what is judged, by hand, and on a catalogue where some are misfiled on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.misfiled import reliability
from engine.errors import InvalidSetting, UnknownField
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.misfiled.category_classifier import RIDGE, LeaveOneOut
from indexer.misfiled.evidence import CategoryJudges, MisfiledEvidence, collect
from indexer.misfiled.item_features import centre, read
from indexer.misfiled.misfiled_probability import MIN_SHARE, MisfiledProbability, calibrate, misfile
from indexer.misfiled.suspects import find
from indexer.misfiled.text_features import to_item_words, to_vectors
from indexer.progress import no_progress
from tests.support.catalogs import write_lines
from tests.support.cli import indexer

DIM = 8
KINDS = ("shoes", "hats", "bags", "mugs", "lamps", "rugs")
WRONG = {"i12": "lamps", "i43": "bags", "i83": "shoes"}
"""Item → the category it is wrongly filed under."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 items of six kinds, three of them misfiled, a third without a text vector, and four of a rare kind."""
    folder = tmp_path_factory.mktemp("filing")
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((len(KINDS) + 1, 2, DIM))
    rows: list[dict[str, object]] = []
    for number in range(244):
        kind = number % 6 if number < 240 else 6
        image, text = centres[kind] + 0.5 * rng.standard_normal((2, DIM))
        rows.append(
            {
                "item_id": f"i{number}", "title": f"goods {number}", "line": number,
                "category": WRONG.get(f"i{number}", KINDS[kind] if number < 240 else "belts"),
                "image_vector": image.tolist(), "text_vector": None if number % 4 == 1 else text.tolist(),
            }
        )  # fmt: skip
    rows.append({"item_id": "unfiled", "title": "who knows", "image_vector": centres[0, 0].tolist()})
    write_lines(folder / "catalog.jsonl", rows)
    build(BuildConfig(folder / "catalog.jsonl", folder / "store", recall_target=0.5), no_progress)
    return folder


@pytest.fixture(scope="module")
def snapshot(folder: Path) -> Snapshot:
    """The folder's store, opened."""
    store = Store(folder / "store")
    return open_snapshot(store, str(store.current()))


def _clusters(sizes: tuple[int, ...], noise: float = 0.3) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw items about the centres of their categories."""
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.standard_normal((len(sizes), 16))
    return (centres[labels] + noise * rng.standard_normal((len(labels), 16))).astype(np.float32), labels


def test_leave_one_out_is_a_fit_without_the_item() -> None:
    """The closed form gives the score of a regression that was fitted to all other items, for each item."""
    features, labels = _clusters((6, 5, 4))
    wide = np.hstack([features, np.ones((15, 1))])
    (rows, scores), *more = LeaveOneOut(features).scores(labels, 3)
    assert not more
    assert rows == slice(0, 4096)
    for item in range(15):
        others = np.arange(15) != item
        gram = wide[others].T @ wide[others] + RIDGE * np.eye(17)
        weights = np.linalg.solve(gram, wide[others].T @ np.eye(3)[labels[others]])
        assert scores[item] == pytest.approx(wide[item] @ weights, abs=1e-4)


def test_an_item_never_judges_itself() -> None:
    """Labels drawn at random cannot be told by who did not see them: few items look like their own."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 40)).astype(np.float32)
    evidence = collect(CategoryJudges({"all": features}), rng.permutation(np.arange(300) % 3), 3)
    assert evidence.agrees.mean() < 0.45


def test_neighbours_that_others_write_as_one_are_one_word() -> None:
    """A sweat shirt is no shirt where there are sweatshirts; by hand."""
    texts = ["Grey sweat shirt", "Sweatshirt", "Sweatshirts, grey", "T-shirt", "tshirt", "TSHIRTS", "Grey shirt shirt"]
    words = to_item_words(texts)
    assert words[0] == ["grey", "sweatshirt"]
    assert words[3] == ["tshirt"]
    assert words[6] == ["grey", "shirt"]


def test_texts_that_share_words_have_vectors_near_each_other() -> None:
    """Two pairs of texts: within a pair they point the same way, between pairs across; a stranger has no vector."""
    texts = ["red mug", "red mug new", "blue lamp", "blue lamp old", "unrelated"]
    vectors = to_vectors(texts)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.9
    assert abs(likeness[0, 2]) < 1e-5
    assert not vectors[4].any()


def test_missing_vectors_are_zeros_that_say_so() -> None:
    """By hand: the mean of those present is taken off, and a column says which are there if any is missing."""
    rows = np.array([[3.0, 0.0], [1.0, 0.0], [0.0, 0.0]], np.float32)
    assert centre(rows, np.array([True, True, False])).tolist() == [[1, 0, 1], [-1, 0, 1], [0, 0, 0]]
    assert centre(rows[:2], np.array([True, True])).tolist() == [[1, 0], [-1, 0]]


def test_rare_and_unfiled_items_are_not_judged(snapshot: Snapshot) -> None:
    """Four belts and an item without a category are left out; of the 240 others each has its label."""
    filed = read(snapshot, "category")
    assert len(filed.rows) == 240
    assert filed.left_out == 5
    assert sorted(filed.names) == sorted(KINDS)
    assert {name: block.shape[1] for name, block in filed.blocks.items()} == {"image": DIM, "text": DIM + 1}
    ids = [snapshot.items.item_id(row) for row in filed.rows.tolist()]
    assert filed.names[filed.labels[ids.index("i0")]] == "shoes"
    assert filed.names[filed.labels[ids.index("i12")]] == "lamps"


def test_a_text_that_names_the_category_is_no_witness(folder: Path) -> None:
    """Where the indexed text holds the column itself, neither its vectors nor its words are looked at."""
    store = Store(folder / "told")
    template = "{title} in {category}"
    build(
        BuildConfig(folder / "catalog.jsonl", store.root, recall_target=0.5, text_template=template),
        no_progress,
    )
    told = open_snapshot(store, str(store.current()))
    assert list(read(told, "category").blocks) == ["image"]


def test_what_is_misfiled_is_found(snapshot: Snapshot) -> None:
    """The three misfiled items, with what they look like, and hardly anything else; also those without a text."""
    found = find(snapshot, "category", no_progress)
    suspects = {suspect.item_id: suspect for suspect in found.suspects}
    assert set(WRONG) <= set(suspects)
    assert len(suspects) <= len(WRONG) + 1
    assert suspects["i43"].filed_under == "bags"
    assert suspects["i43"].looks_like == "hats"
    assert suspects["i43"].title == "goods 43"
    assert found.accuracy > 0.85
    assert found.misfiled_share == pytest.approx(3 / 240, abs=0.01)
    confidences = [suspect.confidence for suspect in found.suspects]
    assert confidences == sorted(confidences, reverse=True)


def test_nothing_is_reported_of_a_clean_catalogue() -> None:
    """Categories well apart and nothing misfiled: no item has a confidence of a half, the share is the least."""
    features, labels = _clusters((200, 100, 100, 30))
    found = calibrate({"all": features}, labels, 4, no_progress)
    assert found.share == MIN_SHARE
    assert found.confidence.max() < 0.5


def test_each_block_is_asked_alone() -> None:
    """One block of an item looks like its category and the other does not: the first leads, the second does not."""
    features, labels = _clusters((30, 30))
    mixed = features.copy()
    mixed[0] = features[30]
    evidence = collect(CategoryJudges({"picture": features, "words": mixed}), labels, 2)
    picture, words = evidence.numbers[0, 3:]
    assert picture > 0.5
    assert words < -0.5


def test_categories_alike_are_confused_and_not_misfiled() -> None:
    """Two categories whose items cannot be told apart accuse each other of nothing; an item of a third is found."""
    features, labels = _clusters((150, 150, 150))
    labels = np.where(labels == 1, np.random.default_rng(1).integers(0, 2, len(labels)), labels)
    labels[labels == 0] = np.random.default_rng(2).integers(0, 2, int((labels == 0).sum()))
    labels[0] = 2
    found = calibrate({"all": features}, labels, 3, no_progress)
    assert np.flatnonzero(found.confidence >= 0.5).tolist() == [0]


@pytest.mark.parametrize("share", [0.03, 0.1])
def test_confidence_is_a_probability(share: float) -> None:
    """Misfile a share: the sum of the confidences is near the number misfiled, whatever the share."""
    features, labels = _clusters((300, 300, 200, 200), noise=0.8)
    chosen, moved = misfile(labels, 4, share, np.random.default_rng(3), even=True)
    found = calibrate({"all": features}, moved, 4, no_progress)
    assert found.confidence.sum() == pytest.approx(chosen.sum(), rel=0.35)
    assert found.confidence[chosen].mean() > 0.6
    assert found.share == pytest.approx(share, rel=0.4)


def test_misfiling_moves_a_share_to_other_categories() -> None:
    """Just the share is moved, none to its own category, and rare categories get few of the others."""
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    chosen, moved = misfile(labels, 3, 0.05, np.random.default_rng(1))
    assert chosen.sum() == 50
    assert (moved[chosen] != labels[chosen]).all()
    assert (moved[~chosen] == labels[~chosen]).all()
    assert (moved[chosen] == 2).sum() < 15


def test_reliability_by_hand() -> None:
    """Items are counted by the range of their confidence."""
    evidence = MisfiledEvidence(np.zeros(3, np.int64), np.zeros((3, 3)))
    rows = reliability(np.array([True, False, True]), MisfiledProbability(evidence, np.array([1.0, 0.95, 0.2]), 0.1))
    assert rows[-1] == {"from": 0.9, "items": 2, "sum": pytest.approx(1.95), "misfiled": 1}
    assert rows[2] == {"from": 0.1, "items": 1, "sum": pytest.approx(0.2), "misfiled": 1}


def test_fields_that_file_nothing_are_refused(snapshot: Snapshot) -> None:
    """Unknown ones by their name, those without two learnable values by how many there are."""
    with pytest.raises(UnknownField, match="categry"):
        find(snapshot, "categry", no_progress)
    with pytest.raises(InvalidSetting, match="at least 2 values of 'line' with 10 items each, got 0"):
        find(snapshot, "line", no_progress)
    with pytest.raises(InvalidSetting, match=r"confidence from 0 to 1, got -0\.1"):
        find(snapshot, "category", no_progress, confidence=-0.1)


def test_the_command_writes_what_it_found(folder: Path, tmp_path: Path) -> None:
    """As lines for a person, as JSON for a program, and as a file of rows."""
    command = ["misfiled", "--store", str(folder / "store")]
    done = indexer(*command, "--out", str(tmp_path / "found.jsonl"))
    assert done.code == 0, done.err
    assert "of 240 items seem misfiled, 5 skipped; 6 categories" in done.out
    assert "i43  bags -> hats" in done.out
    told = json.loads(indexer(*command, "--json").out)
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert told["suspects"] == lines
    assert told["judged"] == 240
