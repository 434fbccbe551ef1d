"""The judged benchmark, all of it at the size of eight products."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.relevance import OURS, WORDS, find_catalogue, run
from engine.catalog.item_fields import ItemFieldReader
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidCatalogue
from engine.lexical.bm25 import LexicalIndex
from engine.lexical.lexical_writer import write_lexical
from engine.snapshot.store import Store
from indexer.catalog import CatalogSpec, Product, read
from indexer.catalog.product import DEFAULT_TEMPLATE
from indexer.evaluate.judgments import JudgedQuery, read_judged
from indexer.evaluate.search_quality import measure

pytestmark = pytest.mark.long

TITLES = ("red shoe", "blue shoe", "red hat", "smart watch", "smartwatch", "garden hose", "garden table", "oak table")
REAL = Path(__file__).parents[2] / "shared/data/icecat_search"


def write_data(folder: Path) -> Path:
    """Write eight products and the judgments of three queries, one of them without anything relevant."""
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({"item_id": f"i{place}", "title": title}) for place, title in enumerate(TITLES)]
    (folder / "catalog.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "queries.csv").write_text("query_id,query\nq1,red shoe\nq2,smart watch\nq3,books\n")
    (folder / "judgments.csv").write_text(
        "query_id,item_id,rating\nq1,i0,3\nq1,i1,1\nq1,i2,0\nq2,i3,2\nq2,i4,2\nq3,i5,0\n"
    )
    return folder


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    """The message names the folder and what was expected in it."""
    with pytest.raises(InvalidCatalogue, match=r"catalog\.jsonl\.gz, \.jsonl, \.csv or \.parquet"):
        find_catalogue(tmp_path)


def test_the_whole_benchmark(tmp_path: Path) -> None:
    """Every ranking is measured through stores that the indexer built, and a second run builds them anew."""
    data = write_data(tmp_path / "data")
    model = ModelSpec(str(tmp_path / "log"), encoder="tests.support.catalogs:Plain")
    for _ in range(2):
        result = run(data, model, tmp_path / "result.json", tmp_path / "stores")
        assert len(Store(tmp_path / "stores" / "sentence").names()) == 1
    assert len(result["ways"]) == 7
    assert result["ways"][WORDS]["ndcg_at_10"] == 1.0
    assert result["ways"][WORDS]["recall_at_10"] == 1.0
    assert set(result["queries"]) == {"red shoe", "smart watch"}
    assert set(result["share_of_words"]) == {f"{share / 10:g}" for share in range(1, 10)}
    assert json.loads((tmp_path / "result.json").read_text())["ways"] == result["ways"]
    table = (tmp_path / "result.md").read_text()
    assert OURS in table
    assert "bm25s as it comes" in table
    assert "recall@10" in table


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the judged catalogue")
def test_words_alone_find_what_people_want(tmp_path: Path) -> None:
    """Without any model, the words of 19,406 products answer 86 judged queries with an nDCG@10 above .77."""
    products = [entry for entry in read(CatalogSpec(find_catalogue(REAL))) if isinstance(entry, Product)]
    judged = read_judged(REAL / "queries.csv", REAL / "judgments.csv")
    assert len(judged) == 86
    reader = ItemFieldReader(DEFAULT_TEMPLATE)
    write_lexical(tmp_path, [reader.read(product.item_id, product.payload) for product in products])
    lexical = LexicalIndex(tmp_path, len(products))

    def rank(one: JudgedQuery) -> list[str]:
        rows, scores = lexical.scores(one.query)
        return [products[rows[place]].item_id for place in np.lexsort((rows, -scores))[:10]]

    assert measure(judged, rank).ndcg.mean() > 0.77
