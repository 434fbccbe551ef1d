"""A searcher over a snapshot that the real indexer built, against scores computed one by one from the catalogue."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import DimensionMismatch, InvalidQuery, ItemNotFound, NoEncoder, UnknownBlock, UnknownField
from engine.indexes.index import OperatingPoint
from engine.scoring.answer import Answer
from engine.scoring.query import Boost, ItemPart, Missing, Pin, Query, TextPart, VectorPart
from engine.scoring.vectors import to_unit
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import Reporter

COUNT, DIM = 400, 16
RNG = np.random.default_rng(5)
CENTRES = to_unit(RNG.standard_normal((2, 20, DIM)))
CLUSTER = RNG.integers(0, 20, COUNT)
IMAGE, TEXT = to_unit(CENTRES[:, CLUSTER] + RNG.standard_normal((2, COUNT, DIM)) / 4)
DRAW = RNG.random(COUNT)
HAS_IMAGE, HAS_TEXT = DRAW >= 0.2, (DRAW < 0.2) | (DRAW > 0.4)
RATING = np.where(RNG.random(COUNT) < 0.1, np.nan, RNG.uniform(1, 5, COUNT))
# The same product twice, so that two hits have the same score.
for values in (IMAGE, TEXT, HAS_IMAGE, HAS_TEXT, RATING):
    values[-1] = values[-2]
PLACES = np.arange(COUNT)
ONLY_TEXT = f"i{PLACES[~HAS_IMAGE][0]}"
BOTH = f"i{PLACES[HAS_IMAGE & HAS_TEXT][0]}"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A small catalogue with its own vectors: some without a picture, some without a text, some without a rating."""
    folder = tmp_path_factory.mktemp("searcher")

    def column(rows: np.ndarray, there: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIM, mask=pa.array(~there))

    table = pa.table(
        {
            "item_id": [f"i{place}" for place in PLACES],
            "title": [f"thing {place}" for place in PLACES],
            "rating": pa.array(RATING, mask=np.isnan(RATING)),
            "image_vector": column(IMAGE, HAS_IMAGE),
            "text_vector": column(TEXT, HAS_TEXT),
        }
    )
    pq.write_table(table, folder / "catalogue.parquet")
    with Reporter(quiet=True) as progress:
        config = BuildConfig(folder / "catalogue.parquet", folder / "store", signals=("rating",))
        manifest = build(config, progress)
    return open_snapshot(Store(folder / "store"), manifest.snapshot)


@pytest.fixture(scope="module")
def searcher(snapshot: Snapshot) -> Searcher:
    """No encoder: the catalogue brought its vectors."""
    return Searcher(snapshot, None)


def twin(snapshot: Snapshot, query: Query) -> dict[str, float]:
    """Every answer's score, from the catalogue's arrays and the formula, block by block and part by part."""
    stored = {"image": (IMAGE, HAS_IMAGE), "text": (TEXT, HAS_TEXT)}
    spoken = []
    for part in query.parts:
        if isinstance(part, VectorPart):
            vectors = dict.fromkeys(stored, part.values / np.linalg.norm(part.values))
        else:
            place = int(part.item_id[1:])
            vectors = {block: rows[place] for block, (rows, there) in stored.items() if there[place]}
        aimed = {block: vector for block, vector in vectors.items() if part.block in ("", block)}
        spoken.append(("vector" if isinstance(part, VectorPart) else "item", part.weight, aimed))
    weights = dict(query.modality_weights) or {"image": 0.5, "text": 0.5}
    asked = [block for block in stored if weights.get(block) and any(block in vectors for _, _, vectors in spoken)]
    scores = {}
    for place in PLACES:
        there = [block for block in asked if stored[block][1][place]]
        if (query.missing is Missing.DROP and there != asked) or (query.missing is Missing.RENORMALIZE and not there):
            continue
        score = 0.0
        for block in there:
            for kind, weight, vectors in spoken:
                if block in vectors:
                    usual = snapshot.calibration.similarities[kind, block]
                    cosine = float(vectors[block] @ stored[block][0][place])
                    score += weights[block] * weight * (cosine - usual.mean) / usual.std
        if query.missing is Missing.RENORMALIZE:
            score *= sum(weights[block] for block in asked) / sum(weights[block] for block in there)
        for boost in query.boosts:
            if not np.isnan(RATING[place]):
                score += boost.weight * (RATING[place] - np.nanmean(RATING)) / np.nanstd(RATING)
        scores[f"i{place}"] = score
    return scores


AIMED = (VectorPart(IMAGE[3] * 9, block="image"), VectorPart(TEXT[7], 0.6, "text"))
QUERIES = {
    "one vector for both blocks": Query((VectorPart(IMAGE[3] + TEXT[3]),)),
    "composed": Query(AIMED),
    "less of something": Query((*AIMED, VectorPart(IMAGE[9], -0.8, "image"))),
    "weighted": Query(AIMED, {"image": 0.2, "text": 0.8}),
    "weights that do not sum to one": Query(AIMED, {"image": 3.0, "text": 1.0}),
    "one block weighs nothing": Query(AIMED, {"image": 1.0}),
    "single": Query((VectorPart(TEXT[7], block="text"),)),
    "an item": Query((ItemPart(BOTH),)),
    "an item without a picture": Query((ItemPart(ONLY_TEXT),)),
    "an item aimed": Query((ItemPart(BOTH, block="image"), ItemPart(ONLY_TEXT, 0.5))),
    "boosted": Query(AIMED, boosts=(Boost("rating", 0.7),)),
    "boosted twice": Query(AIMED, boosts=(Boost("rating", -1.5), Boost("rating", 0.2))),
    "boosted, single": Query((VectorPart(TEXT[7], block="text"),), boosts=(Boost("rating", 4.0),)),
    "a twin": Query((ItemPart(f"i{COUNT - 1}"),)),
}


@pytest.mark.parametrize("missing", Missing)
@pytest.mark.parametrize("name", QUERIES)
def test_answers_are_the_exact_ranking(snapshot: Snapshot, searcher: Searcher, name: str, missing: Missing) -> None:
    """For one hit, a page, and more than there are: ids as sets inside equal scores, scores, and contributions."""
    base = QUERIES[name]
    true = twin(snapshot, Query(base.parts, base.modality_weights, missing, base.boosts))
    for limit, explain in ((1, False), (10, True), (COUNT + 50, False)):
        hits = searcher.search(
            Query(base.parts, base.modality_weights, missing, base.boosts, limit, explain=explain)
        ).hits
        assert len(hits) == min(limit, len(true))
        assert len({hit.item_id for hit in hits}) == len(hits)
        best = sorted(true.values(), reverse=True)[: len(hits)]
        scale = max(1.0, abs(best[0]))
        for hit, score in zip(hits, best, strict=True):
            # Vectors and signals are stored in float16, and a z value divides a cosine by a small spread.
            assert hit.score == pytest.approx(score, abs=6e-3 * scale)
            assert hit.score == pytest.approx(true[hit.item_id], abs=6e-3 * scale)
            assert snapshot.items.item_id(hit.row) == hit.item_id
            assert bool(hit.contributions) == (explain and score != 0.0)
            if hit.contributions:
                assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-6)


def test_equal_scores_come_in_the_order_of_rows(searcher: Searcher) -> None:
    """The same product twice: both are there, at the same score."""
    first, second = searcher.search(QUERIES["a twin"]).hits[:2]
    assert {first.item_id, second.item_id} == {f"i{COUNT - 1}", f"i{COUNT - 2}"}
    assert first.score == second.score
    assert first.row < second.row


@pytest.mark.parametrize(
    ("query", "error", "field", "message"),
    [
        (Query((ItemPart("gone"),)), ItemNotFound, "parts[0].item_id", "no item 'gone'"),
        (Query((VectorPart(np.ones(5, np.float32)),)), DimensionMismatch, "parts[0].vector", "expected 16 .*, got 5"),
        (Query((AIMED[0], VectorPart(np.zeros(DIM, np.float32)))), InvalidQuery, "parts[1].vector", "all zeros"),
        (Query((VectorPart(np.full(DIM, np.nan, np.float32)),)), InvalidQuery, "parts[0].vector", "NaN or infinity"),
        (Query((VectorPart(IMAGE[0], block="sound"),)), UnknownBlock, "parts[0].block", "unknown block 'sound'"),
        (Query((ItemPart(ONLY_TEXT, block="image"),)), InvalidQuery, "parts[0]", "can address block 'image', got item"),
        (Query((VectorPart(IMAGE[0], np.nan),)), InvalidQuery, "parts[0].weight", "got nan"),
        (Query((VectorPart(IMAGE[0], 1e30),)), InvalidQuery, "parts[0].weight", "from -1e[+]06 to 1e[+]06"),
        (Query(AIMED, {"sound": 1.0}), UnknownBlock, "modality_weights", "unknown block 'sound'"),
        (Query(AIMED, {"text": -1.0}), InvalidQuery, "modality_weights[text]", "got -1"),
        (Query(AIMED[:1], {"text": 1.0}), InvalidQuery, "modality_weights", r"the parts address \(image\)"),
        (Query(AIMED, boosts=(Boost("margin", 1),)), UnknownField, "boosts[0].field", "'margin'"),
        (Query(AIMED, boosts=(Boost("rating", np.inf),)), InvalidQuery, "boosts[0].weight", "got inf"),
        (Query((AIMED[0], TextPart("red shoes"))), NoEncoder, "parts[1]", "of vectors alone"),
    ],
)
def test_what_cannot_be_answered_names_its_field(
    searcher: Searcher, query: Query, error: type[Exception], field: str | None, message: str
) -> None:
    """The caller learns which part of the request is wrong, what was expected and what came."""
    with pytest.raises(error, match=message) as caught:
        searcher.search(query)
    assert getattr(caught.value, "field", None) == field


def test_vectors_of_any_finite_length_are_the_same_query(searcher: Searcher) -> None:
    """Only the direction of a vector counts, even where its squares leave float32."""
    answers = [searcher.search(Query((VectorPart(IMAGE[3] * np.float32(size)),))).hits for size in (1, 1e-30, 1e30)]
    for hits in answers[1:]:
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in answers[0]]
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in answers[0]], abs=1e-4)


def test_the_plan_says_how_it_was_answered(snapshot: Snapshot, searcher: Searcher) -> None:
    """Small strata are compared row by row, and the plan says so; times add up to something."""
    answer = searcher.search(Query(AIMED))
    plan = answer.plan
    assert (plan.strategy, plan.query_class, plan.expected_recall) == ("exact", "composed", 1.0)
    assert (plan.candidates, plan.selectivity, answer.snapshot) == (COUNT, 1.0, snapshot.name)
    assert searcher.search(Query(AIMED, missing=Missing.DROP)).plan.candidates == int((HAS_IMAGE & HAS_TEXT).sum())
    assert min(answer.timings.encode_us, answer.timings.plan_us, answer.timings.search_us) >= 0


def test_no_stratum_that_answers_is_no_hits(snapshot: Snapshot, searcher: Searcher) -> None:
    """A point of any depth, and a limit of zero, are no trouble."""
    fused = searcher.fuse(Query(AIMED), searcher.encode(AIMED))
    scores, rows, *_ = searcher.nearest(fused, 0, OperatingPoint(4, 10))
    assert (len(scores), len(rows)) == (0, 0)
    assert [len(stratum.index) for stratum in snapshot.strata] == sorted(
        (int((HAS_IMAGE & HAS_TEXT).sum()), int((~HAS_IMAGE).sum()), int((~HAS_TEXT).sum())), reverse=True
    )


def test_queries_asked_together_are_answered_as_alone(searcher: Searcher) -> None:
    """Whatever they share of a search: the same hits and plans, and each error in its own place."""
    wrong = Query((VectorPart(np.ones(3, np.float32)),))
    queries = [*QUERIES.values(), wrong, *[replace(query, limit=3, missing=Missing.DROP) for query in QUERIES.values()]]
    together = searcher.search_many(queries)
    assert len(together) == len(queries)
    for query, outcome in zip(queries, together, strict=True):
        if query is wrong:
            assert isinstance(outcome, DimensionMismatch)
            continue
        assert isinstance(outcome, Answer)
        alone = searcher.search(query)
        assert outcome.plan == alone.plan
        assert [hit.score for hit in outcome.hits] == pytest.approx([hit.score for hit in alone.hits], abs=1e-4)
        assert {hit.item_id for hit in outcome.hits[:-1]} <= {hit.item_id for hit in alone.hits}


def test_a_pin_that_fills_the_page_hides_no_hit_behind_it(searcher: Searcher) -> None:
    """Of one hit behind the pin there is a next page to tell of; of none there is none."""
    query = Query((VectorPart(IMAGE[7], block="image"),), recall_target=1.0, limit=3)
    best, second, third = searcher.search(query).hits
    pinned = replace(query, limit=1, pins=(Pin(third.item_id, 0),))
    for low, high, more in ((second.score, best.score, True), (best.score, best.score + 1, False)):
        answer = searcher.search(replace(pinned, min_score=(low + high) / 2))
        assert [hit.item_id for hit in answer.hits] == [third.item_id]
        assert answer.more is more
