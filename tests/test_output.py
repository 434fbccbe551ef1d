"""Files that commands write: whole or not at all, even where one is written over the file that it is made of."""

import pytest

from indexer.output_file import open_output
from tests.support.cli import indexer
from tests.support.review_files import opinions, read_lines, write_reviews


def test_scoring_over_its_own_input_loses_nothing(tmp_path) -> None:
    """`feedback score F --out F` reads all of F first; where it fails F is as it was, and nothing lies beside it."""
    learnt = write_reviews(tmp_path / "learnt.jsonl", opinions())
    assert indexer("feedback", "fit", learnt, "--out", tmp_path / "model").code == 0
    learnt.unlink()
    path = write_reviews(tmp_path / "reviews.jsonl", [*opinions(30), {"rating": 9}])
    before = path.read_bytes()
    command = ("feedback", "score", path, "--out", path, "--model")
    assert indexer(*command, tmp_path / "nothing").code == 1
    assert path.read_bytes() == before
    assert indexer(*command, tmp_path / "model").code == 0
    assert len(read_lines(path)) == 30
    assert {file.name for file in tmp_path.iterdir()} == {"model", path.name, f"{path.name}.rejects.jsonl"}


def test_an_output_that_fails_halfway_keeps_the_old_one(tmp_path) -> None:
    """The old file stands, whole, and no half of the new one."""
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(TypeError), open_output(path) as file:
        file.writelines(["half", None])  # type: ignore[list-item]
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("out.jsonl", "old")]
