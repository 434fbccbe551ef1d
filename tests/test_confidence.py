"""When an answer is none: the formula by hand, what a build learns, and where it is told."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli.hit_output import NO_MATCH, print_no_match
from engine.encoders.encoder import ModelSpec
from engine.scoring.answer import Answer
from engine.scoring.query import ItemPart, Page, Query, TextPart
from engine.search.confidence import MatchEvidence, confidence
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.server.codec.search_response import to_response
from engine.snapshot.manifest import ConfidenceRecord
from engine.v1.search_pb2 import SearchRequest, SearchResponse
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import write_lines

COLOURS = ("red", "blue", "green", "black", "white", "pink", "brown", "grey")
TYPES = (
    "shoe", "shirt", "belt", "sock", "scarf", "jacket", "glove", "skirt", "coat", "boot", "sandal", "jumper", "vest",
    "blouse", "apron", "hood",
)  # fmt: skip


def rows(types: tuple[str, ...] = TYPES) -> list[dict[str, str]]:
    return [
        {"item_id": f"{colour}-{kind}", "title": f"Acme {colour} {kind}", "category": kind}
        for kind in types
        for colour in COLOURS
    ]


def store_of(folder: Path, types: tuple[str, ...] = TYPES) -> Searcher:
    """Build a store of goods with an encoder whose vectors mean nothing."""
    model = ModelSpec(str(folder / "log"), encoder="tests.support.catalogs:Plain")
    config = BuildConfig(write_lines(folder / "c.jsonl", rows(types)), folder / "store", model)
    return open_searcher(config.store, build(config, no_progress).snapshot)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return store_of(tmp_path_factory.mktemp("confidence"))


def answer(searcher: Searcher, text: str) -> Answer:
    return searcher.search(Query((TextPart(text),)))


def test_confidence_by_hand() -> None:
    """-2 + 3 * 0.5 + 1 * 0.2 + 0.5 * 1 = 0.2, and 1 / (1 + e^-0.2) = 0.54983."""
    record = ConfidenceRecord(intercept=-2.0, known=3.0, held=1.0, near=0.5, threshold=0.5)
    assert confidence(record, MatchEvidence(0.5, 0.2, 1.0)) == pytest.approx(0.549834)
    assert 0 < confidence(record, MatchEvidence(0.0, 0.0, -1e9)) < confidence(record, MatchEvidence(1.0, 1.0, 1e9)) < 1


@pytest.mark.parametrize("text", ["necklace", "red necklace", "necklaces for women", "coffee table"])
def test_what_the_shop_does_not_have_is_no_good_match(searcher: Searcher, text: str) -> None:
    """Also where other words of the query are known; the nearest items come all the same."""
    found = answer(searcher, text)
    assert found.no_good_match
    assert 0 < found.confidence < 0.5
    assert len(found.hits) == 10


@pytest.mark.parametrize("text", ["shoe", "Shoes", "red shirt", "Acme blue jacket", "acme"])
def test_what_the_shop_has_is_a_good_match(searcher: Searcher, text: str) -> None:
    """A type, a plural, an attribute with it, a whole title, a brand."""
    found = answer(searcher, text)
    assert not found.no_good_match
    assert found.confidence > 0.5


def test_the_build_measures_it_on_types_that_it_did_not_learn_from(searcher: Searcher) -> None:
    """The manifest says how often it is right; vectors that mean nothing weigh nothing."""
    record = searcher.snapshot.manifest.confidence
    assert record is not None
    assert record.queries == len(TYPES)
    assert record.flagged_missing >= 0.8
    assert record.flagged_good <= 0.05
    assert record.known + record.held > 0
    assert min(record.known, record.held, record.near) >= 0


def test_only_the_first_page_of_a_query_of_texts_is_measured(searcher: Searcher) -> None:
    """Items, negative texts, later pages and own weights have a confidence of 0, and are not said to be none."""
    item = ItemPart("red-shoe")
    for query in (
        Query((item,)),
        Query((TextPart("necklace"), item)),
        Query((TextPart("necklace"), TextPart("red", -1.0))),
        Query((TextPart("necklace"),), page=Page(10, 10)),
        Query((TextPart("necklace"),), modality_weights={"lexical": 1.0}),
        Query((TextPart("necklace", block="lexical"),)),
    ):
        found = searcher.search(query)
        assert (found.confidence, found.no_good_match) == (0.0, False)


def test_every_way_to_search_says_the_same(searcher: Searcher) -> None:
    """Explained, grouped, alone or among others: the confidence of a query is one."""
    alone = answer(searcher, "red necklace").confidence
    text = (TextPart("red necklace"),)
    grouped = searcher.search(Query(text, collapse_by="category", explain=True))
    several = searcher.search_many([Query(text), Query((TextPart("shoe"),))])
    assert alone == pytest.approx(several[0].confidence)  # type: ignore[union-attr]
    assert np.isclose(alone, grouped.confidence, rtol=0.2)


def test_too_few_things_to_learn_from(tmp_path: Path) -> None:
    """Of a catalogue of three types it is not known, and nothing is said."""
    few = store_of(tmp_path, TYPES[:3])
    assert few.snapshot.manifest.confidence is None
    found = answer(few, "necklace")
    assert (found.confidence, found.no_good_match) == (0.0, False)


def test_the_response_and_the_command_line_tell_it(searcher: Searcher, capsys: pytest.CaptureFixture[str]) -> None:
    """The message has both fields; on stderr stands one plain sentence, and only where nothing matched."""
    request = SearchRequest()
    for text, told in (("necklace", True), ("shoe", False)):
        query = Query((TextPart(text),))
        response: SearchResponse = to_response(request, query, searcher.search(query))
        assert response.no_good_match == told
        assert response.confidence > 0
        print_no_match(response)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert (NO_MATCH in printed.err) == told
