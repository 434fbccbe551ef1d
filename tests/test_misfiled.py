"""Items in the wrong category: what is judged, by hand, and on a catalogue where some are misfiled on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest
from catalogues import write_lines
from typer.testing import CliRunner

from benchmarks.misfiled import flags, misfile
from engine.errors import InvalidSetting, UnknownField
from engine.snapshot import Snapshot, open_snapshot
from engine.store import Store
from indexer.build import build
from indexer.cli import app
from indexer.config import BuildConfig
from indexer.filing.classifier import out_of_fold
from indexer.filing.features import join, read
from indexer.filing.suspects import find, judge

DIM = 8
KINDS = ("shoes", "hats", "bags")
WRONG = {"i3": "hats", "i40": "bags", "i77": "shoes"}
"""Item → the category it is wrongly filed under."""


def quiet(*_: object) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety items of three kinds, three of them misfiled, a third without a text vector, and four of a rare kind."""
    folder = tmp_path_factory.mktemp("filing")
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((len(KINDS) + 1, 2, DIM))
    rows: list[dict[str, object]] = []
    for number in range(94):
        kind = number % 3 if number < 90 else 3
        image, text = centres[kind] + 0.5 * rng.standard_normal((2, DIM))
        true = KINDS[kind] if kind < 3 else "belts"
        rows.append(
            {
                "item_id": f"i{number}", "title": f"one of {true}", "line": number,
                "category": WRONG.get(f"i{number}", true),
                "image_vector": image.tolist(), "text_vector": None if number % 3 == 1 else text.tolist(),
            }
        )  # fmt: skip
    rows.append({"item_id": "unfiled", "title": "who knows", "image_vector": centres[0, 0].tolist()})
    write_lines(folder / "catalog.jsonl", rows)
    build(BuildConfig(folder / "catalog.jsonl", folder / "store", recall_target=0.5), quiet)
    return folder


@pytest.fixture(scope="module")
def snapshot(folder: Path) -> Snapshot:
    """The folder's store, opened."""
    store = Store(folder / "store")
    return open_snapshot(store, str(store.current()))


def test_confidence_is_between_the_two_categories() -> None:
    """By hand: .6 against .2 is .75; an item that looks like what it is filed under has .5."""
    best, confidence = judge(np.array([[0.2, 0.6, 0.2], [0.9, 0.1, 0.0]]), np.array([0, 0]))
    assert best.tolist() == [1, 0]
    assert confidence.tolist() == pytest.approx([0.75, 0.5])


def test_missing_vectors_are_zeros_that_say_so() -> None:
    """By hand: only a block that some item lacks has a column for whether it is there."""
    image, text = np.ones((2, 2), np.float32), np.array([[3.0], [0.0]], np.float32)
    joined = join({"image": image, "text": text}, np.array([[True, True], [True, False]]))
    assert joined.tolist() == [[1, 1, 3, 1], [1, 1, 0, 0]]


def test_rare_and_unfiled_items_are_not_judged(snapshot: Snapshot) -> None:
    """Four belts and an item without a category are left out; of the ninety others each has its label."""
    filed = read(snapshot, "category")
    assert len(filed.rows) == 90
    assert filed.left_out == 5
    assert sorted(filed.names) == sorted(KINDS)
    assert filed.features.shape == (90, 2 * DIM + 1)
    ids = [snapshot.items.item_id(row) for row in filed.rows.tolist()]
    assert filed.names[filed.labels[ids.index("i0")]] == "shoes"
    assert filed.names[filed.labels[ids.index("i3")]] == "hats"


def test_what_is_misfiled_is_found(snapshot: Snapshot) -> None:
    """The three misfiled items, with what they look like, and hardly anything else; also those without a text."""
    found = find(snapshot, "category", quiet, sure=0.9)
    suspects = {suspect.item_id: suspect for suspect in found.suspects}
    assert set(WRONG) <= set(suspects)
    assert len(suspects) <= len(WRONG) + 2
    assert suspects["i40"].filed_under == "bags"
    assert suspects["i40"].looks_like == "hats"
    assert suspects["i40"].title == "one of hats"
    assert found.accuracy > 0.85
    confidences = [suspect.confidence for suspect in found.suspects]
    assert confidences == sorted(confidences, reverse=True)


def test_an_item_never_judges_itself() -> None:
    """Labels drawn at random cannot be told by who did not see them: accuracy is that of chance."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 40)).astype(np.float32)
    labels = rng.permutation(np.arange(300) % 3)
    probabilities = out_of_fold(features, labels, 3, quiet)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(300))
    assert (probabilities.argmax(axis=1) == labels).mean() < 0.45


def test_flags_by_hand() -> None:
    """Of three flagged two were misfiled, of four misfiled two are found; a misfiled label is always another one."""
    misfiled, flagged = np.array([1, 1, 1, 1, 0, 0], np.bool_), np.array([1, 1, 0, 0, 1, 0], np.bool_)
    assert flags(misfiled, flagged) == {"flagged": 3, "precision": 0.6667, "recall": 0.5}
    labels = np.arange(1000) % 5
    chosen, moved = misfile(labels, 5, 1)
    assert 20 < chosen.sum() < 80
    assert (moved[chosen] != labels[chosen]).all()
    assert (moved[~chosen] == labels[~chosen]).all()


def test_fields_that_file_nothing_are_refused(snapshot: Snapshot) -> None:
    """Unknown ones by their name, those without two learnable values by how many there are."""
    with pytest.raises(UnknownField, match="categry"):
        find(snapshot, "categry", quiet)
    with pytest.raises(InvalidSetting, match="at least 2 values of 'line' with 10 items each, got 0"):
        find(snapshot, "line", quiet)
    with pytest.raises(InvalidSetting, match=r"confidence from 0\.5 to 1, got 0\.1"):
        find(snapshot, "category", quiet, sure=0.1)


def test_the_command_writes_what_it_found(folder: Path, tmp_path: Path) -> None:
    """As lines for a person, as JSON for a program, and as a file of rows."""
    command = ["misfiled", "--store", str(folder / "store"), "--confidence", "0.9"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "found.jsonl")])
    assert done.exit_code == 0, done.output
    assert "of 90 items look misfiled; 5 were not judged; 3 categories" in done.stdout
    assert "i40  bags -> hats" in done.stdout
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert told["suspects"] == lines
    assert told["judged"] == 90
