"""What changed since a snapshot: found exactly, replaced and hidden rightly, the same for whoever took it before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.payload import from_bytes, to_bytes
from engine.encoders.embedding_cache import EmbeddingCache
from engine.encoders.encoder import Encoder, ModelSpec
from engine.encoders.images import decode
from engine.errors import DimensionMismatch, InvalidQuery, UnknownBlock
from engine.indexes.exact import ExactIndex
from engine.indexes.growing import GrowingRows
from engine.indexes.index import EXACT
from engine.indexes.row_filter import RowFilter
from engine.scoring.vectors import to_unit
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from engine.updates.delta import Delta
from engine.updates.ingest import AcceptedItem, Ingest, PreparedItem
from engine.updates.item_change import Upsert
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import DIM, Plain, Vectors, clustered, write_lines, write_parquet
from tests.support.servers import ROWS, copy_store, picture

ITEMS = 200


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Items i0 … i199 with own vectors of both blocks, and the signal price."""
    root = tmp_path_factory.mktemp("delta")
    catalogue = write_parquet(root / "catalogue.parquet", clustered(ITEMS))
    manifest = build(BuildConfig(catalogue, root / "store", signals=("price",)), no_progress)
    return open_snapshot(Store(root / "store"), manifest.snapshot)


@pytest.fixture(scope="module")
def changed_goods(tmp_path_factory: pytest.TempPathFactory, goods: Path) -> tuple[Path, Snapshot]:
    """A copy of the goods' store, and its snapshot."""
    store = copy_store(goods, tmp_path_factory.mktemp("goods"))
    return store, open_snapshot(Store(store), Store(store).names()[0])


def arrival(snapshot: Snapshot, item_id: str, number: int, blocks: Sequence[str] = ("image", "text")) -> PreparedItem:
    """Return an item that `number` decides."""
    rng = np.random.default_rng(number)
    vectors = {block: to_unit(rng.standard_normal(snapshot.dims[block])).astype(np.float16) for block in blocks}
    return PreparedItem(item_id, to_bytes({"number": number}), (f"text {number}",), vectors, (float(number),))


def live_ids(delta: Delta) -> dict[str, int]:
    """Return each item that is alive in the delta's rows, and its number, read row by row."""
    found = {}
    for stratum in delta.strata:
        for local in np.flatnonzero(delta.alive(stratum)).tolist():
            row = stratum.start + local
            found[delta.item_id(row)] = int(from_bytes(delta.payload(row))["number"])
            assert delta.get_row(delta.item_id(row)) == row
    return found


def test_growing_rows_answer_like_the_exact_index() -> None:
    """Ids and scores are those of the oracle after every growth, for all rows and for some, and old readers' stay."""
    rng = np.random.default_rng(0)
    rows, growing = np.empty((0, 24), np.float16), GrowingRows(24)
    queries = rng.standard_normal((3, 24)).astype(np.float32)
    for size in (1, 2, 61, 1, 300, 1000):
        more = rng.standard_normal((size, 24)).astype(np.float16)
        before, rows = rows, np.concatenate([rows, more])
        index = growing.add(more)
        some = RowFilter(rng.random(len(rows)) < 0.3)
        for chosen in (None, some, RowFilter(np.zeros(len(rows), np.bool_))):
            scores, ids = index.search(queries, 7, EXACT, chosen)
            expected, expected_ids = ExactIndex(rows).search(queries, 7, EXACT, chosen)
            np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_allclose(index.products(queries[0]), rows.astype(np.float32) @ queries[0], atol=1e-3)
        np.testing.assert_array_equal(index.rows(np.arange(len(before))), before)


def test_an_upsert_hides_the_snapshots_row(snapshot: Snapshot) -> None:
    """The old delta knows nothing of it; the new one hides the old row and has the new one."""
    empty = Delta.begin(snapshot)
    delta = empty.apply([("i7", arrival(snapshot, "i7", 1)), ("new", arrival(snapshot, "new", 2))], 2)
    hidden = [snapshot.items.item_id(row) for row in np.flatnonzero(delta.hidden).tolist()]
    assert (hidden, delta.hidden_count, live_ids(delta), delta.seq) == (["i7"], 1, {"i7": 1, "new": 2}, 2)
    assert delta.is_hidden("i7")
    assert not delta.is_hidden("i8")
    assert delta.get_row("i8") is None
    assert (empty.hidden_count, empty.strata, empty.get_row("i7"), empty.is_hidden("i7")) == (0, (), None, False)


def test_rows_are_numbered_behind_the_snapshot(snapshot: Snapshot) -> None:
    """Every stratum has numbers of its own, beyond the snapshot's, and they stay when more arrive."""
    delta = Delta.begin(snapshot)
    rows: dict[str, int] = {}
    for number, blocks in enumerate([("image",), ("image", "text"), ("text",), ("image",), ("text",)]):
        delta = delta.apply([(f"n{number}", arrival(snapshot, f"n{number}", number, blocks))], number + 1)
        row = delta.get_row(f"n{number}")
        assert row is not None
        rows[f"n{number}"] = row
    assert [stratum.blocks for stratum in delta.strata] == [("image",), ("image", "text"), ("text",)]
    assert {item_id: delta.get_row(item_id) for item_id in rows} == rows
    assert min(rows.values()) >= len(snapshot)
    assert len(set(rows.values())) == 5
    for stratum in delta.strata:
        assert delta.alive(stratum).tolist() == [True] * len(stratum.index)
        numbers = range(stratum.start, stratum.start + len(stratum.index))
        assert [delta.payload(row) for row in numbers] == list(delta.payloads(stratum))


CHANGES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([f"i{number}" for number in range(4)] + [f"new{number}" for number in range(4)]),
            st.sampled_from([None, ("image",), ("text",), ("image", "text")]),
        ),
        max_size=4,
    ),
    max_size=12,
)


@given(batches=CHANGES)
def test_any_sequence_leaves_what_a_dict_would(snapshot: Snapshot, batches: list[list[tuple[str, object]]]) -> None:
    """After each batch the delta is what a dict of the last changes says, and every earlier one is as it was."""
    delta, truth, number = Delta.begin(snapshot), dict[str, int | None](), 0
    taken = [(delta, dict(truth))]
    for batch in batches:
        changes = []
        for item_id, blocks in batch:
            number += 1
            truth[item_id] = None if blocks is None else number
            arrived = arrival(snapshot, item_id, number, blocks) if isinstance(blocks, tuple) else None
            changes.append((item_id, arrived))
        delta = delta.apply(changes, number)
        taken.append((delta, dict(truth)))
    for then, expected in taken:
        assert live_ids(then) == {item_id: value for item_id, value in expected.items() if value is not None}
        hidden = {snapshot.items.item_id(row) for row in np.flatnonzero(then.hidden).tolist()}
        assert hidden == {item_id for item_id in expected if item_id.startswith("i")}
        assert then.hidden_count == len(hidden)
        assert all(then.is_hidden(item_id) == (item_id in expected) for item_id in (*truth, "i99"))


def test_only_the_newest_is_built_upon(snapshot: Snapshot) -> None:
    """A second delta made from an old one would give rows the same numbers, so it is refused."""
    delta = Delta.begin(snapshot)
    delta.apply([("a", arrival(snapshot, "a", 1))], 1)
    assert not delta.is_newest
    with pytest.raises(RuntimeError, match="expected the newest delta"):
        delta.apply([("b", None)], 2)


def test_what_fails_halfway_is_never_built_upon(snapshot: Snapshot) -> None:
    """A vector of another length breaks a batch; the delta before answers on, and is not the base of another."""
    delta = Delta.begin(snapshot).apply([("a", arrival(snapshot, "a", 1))], 1)
    broken = PreparedItem("b", b"", (), {"image": np.ones(3, np.float16)}, (1.0,))
    with pytest.raises(ValueError, match="shape"):
        delta.apply([("c", None), ("b", broken)], 2)
    assert not delta.is_newest
    assert live_ids(delta) == {"a": 1}


def test_rows_of_the_past_are_let_go_of(snapshot: Snapshot) -> None:
    """One item changed again and again keeps few rows; what is alive, hidden or deleted stays, under new numbers."""
    delta = Delta.begin(snapshot)
    delta = delta.apply([("i3", None), ("gone", arrival(snapshot, "gone", 1)), ("b", arrival(snapshot, "b", 2))], 3)
    delta = delta.apply([("gone", None)], 4)
    before = delta
    for number in range(10, 9_000, 10):
        changes = [(f"i{place}", arrival(snapshot, f"i{place}", number + place, ("text",))) for place in range(10)]
        delta = delta.apply(changes, number).compact()
        assert delta.row_count < 5_000
    assert live_ids(delta) == {"b": 2} | {f"i{place}": 8_990 + place for place in range(10)}
    assert delta.hidden_count == 10
    assert delta.is_hidden("i3")
    assert delta.is_hidden("gone")
    assert not {stratum.start for stratum in delta.strata} & {stratum.start for stratum in before.strata}
    assert live_ids(before) == {"b": 2}


def test_single_changes_to_a_large_delta(snapshot: Snapshot) -> None:
    """10,000 items of one request, then a thousand of them again one by one: each is where it was put last."""
    first = [(f"n{number}", arrival(snapshot, f"n{number}", number % 50)) for number in range(10_000)]
    delta = Delta.begin(snapshot).apply(first, 10_000)
    for number in range(1_000):
        delta = delta.apply([first[number]], 10_001 + number)
    assert (delta.row_count, delta.alive_count, delta.hidden_count) == (11_000, 10_000, 0)
    assert live_ids(delta) == {f"n{number}": number % 50 for number in range(10_000)}


def test_a_delta_scores_as_the_build_that_folds_it(tmp_path: Path) -> None:
    """Rows of own vectors and of signals are bit for bit those that a build of the same items stores."""
    vectors = clustered(60, seed=3)
    prices = np.random.default_rng(5).uniform(1, 100, 60)
    whole = write_parquet(tmp_path / "whole.parquet", vectors, price=prices)
    built = build(BuildConfig(whole, tmp_path / "store", signals=("price",)), no_progress)
    snapshot = open_snapshot(Store(tmp_path / "store"), built.snapshot)
    upserts = [(f"i{number}", own(vectors, number, to_bytes({"price": float(prices[number])}))) for number in range(60)]
    taken = accepted(Ingest(snapshot, {}, None).prepare(upserts, PICTURES.__getitem__))
    delta = Delta.begin(snapshot).apply([(one.prepared.item_id, one.prepared) for one in taken], 60)
    (stratum,), (stored,) = delta.strata, snapshot.strata
    for number in range(60):
        row = delta.get_row(f"i{number}")
        assert row is not None
        mine = stratum.index.rows(np.array([row - stratum.start]))
        np.testing.assert_array_equal(mine, stored.index.rows(np.array([snapshot.items.get_row(f"i{number}")])))


PICTURES = {bytes([place]) * 32: picture(*pair) for place, pair in enumerate([("red", "mug"), ("blue", "lamp")])}
RED_MUG, BLUE_LAMP = PICTURES


def own(vectors: Vectors, number: int, payload: bytes = b"") -> Upsert:
    """Return the upsert of a row of vectors."""
    return Upsert(payload, vectors={"image": vectors.image[number], "text": vectors.text[number]})


def accepted(outcomes: list[AcceptedItem | InvalidQuery]) -> list[AcceptedItem]:
    """Return the outcomes, none of which is a refusal."""
    assert all(isinstance(outcome, AcceptedItem) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, AcceptedItem)]


def test_an_item_is_embedded_as_the_build_does(changed_goods: tuple[Path, Snapshot], tiny_encoder: Encoder) -> None:
    """The goods of the catalogue, taken in again, have the very vectors and signals of the snapshot."""
    _, snapshot = changed_goods
    intake = Ingest(snapshot, {"image": tiny_encoder, "text": tiny_encoder}, None)
    pictures = {row["item_id"].encode().ljust(32): picture(*row["item_id"].split("-")) for row in ROWS[:-4]}
    upserts = []
    for row in ROWS:
        key = row["item_id"].encode().ljust(32)
        payload = {name: value for name, value in row.items() if name not in ("item_id", "image")}
        upserts.append((row["item_id"], Upsert(to_bytes(payload), (key,) if key in pictures else ())))
    taken = accepted(intake.prepare(upserts, pictures.__getitem__))
    delta = Delta.begin(snapshot).apply([(one.prepared.item_id, one.prepared) for one in taken], 1)
    assert delta.hidden_count == len(ROWS)
    for row in ROWS:
        place = delta.get_row(row["item_id"])
        assert place is not None
        stratum = next(one for one in delta.strata if one.start <= place < one.start + len(one.index))
        theirs = snapshot.items.get_row(row["item_id"])
        assert stratum.blocks == snapshot.get_stratum(theirs).blocks
        mine = stratum.index.rows(np.array([place - stratum.start]))[0]
        start = snapshot.get_stratum(theirs).start
        stored = snapshot.get_stratum(theirs).index.rows(np.array([theirs - start]))[0]
        np.testing.assert_allclose(mine, stored, atol=2e-3)  # a batch of another size rounds otherwise
        assert delta.words(place)[0] == f"{row['title']}"


def test_several_pictures_are_their_unit_mean(changed_goods: tuple[Path, Snapshot], tiny_encoder: Encoder) -> None:
    """An item of two pictures stands between them."""
    intake = Ingest(changed_goods[1], {"image": tiny_encoder}, None)
    (taken,) = accepted(intake.prepare([("a", Upsert(b"", (RED_MUG, BLUE_LAMP)))], PICTURES.__getitem__))
    encoded = tiny_encoder.encode_images([decode(data) for data in PICTURES.values()])
    expected = to_unit(encoded.mean(axis=0))
    np.testing.assert_allclose(taken.prepared.vectors["image"], expected, atol=2e-3)
    assert list(taken.prepared.vectors) == ["image"]


def test_own_vectors_replace_what_the_encoder_would_make(
    changed_goods: tuple[Path, Snapshot], tiny_encoder: Encoder
) -> None:
    """An item with a title, a picture and its own image vector has that vector at length 1, and its text embedded."""
    intake = Ingest(changed_goods[1], {"image": tiny_encoder, "text": tiny_encoder}, None)
    upsert = Upsert(to_bytes({"title": "mug"}), (RED_MUG,), {"image": np.arange(16, dtype=np.float32)})
    (taken,) = accepted(intake.prepare([("a", upsert)], PICTURES.__getitem__))
    expected = to_unit(np.arange(16, dtype=np.float32)).astype(np.float16)
    np.testing.assert_array_equal(taken.prepared.vectors["image"], expected)
    np.testing.assert_allclose(taken.prepared.vectors["text"], tiny_encoder.encode_texts(["mug"])[0], atol=2e-3)
    assert list(taken.upsert.embedded) == ["text"]


def test_bad_items_are_refused_alone(changed_goods: tuple[Path, Snapshot], tiny_encoder: Encoder) -> None:
    """Each is refused with the field that is wrong and why; the good ones among them are taken."""
    intake = Ingest(changed_goods[1], {"image": tiny_encoder, "text": tiny_encoder}, None)
    pictures = PICTURES | {b"bad": b"no picture"}
    title = to_bytes({"title": "mug"})
    cases: list[tuple[Upsert, type[InvalidQuery], str, str]] = [
        (Upsert(b""), InvalidQuery, "", "nothing to embed"),
        (Upsert(title, (RED_MUG, b"bad")), InvalidQuery, "images[1]", "expected an image"),
        (Upsert(title, (), {"image": np.ones(3, np.float32)}), DimensionMismatch, 'vectors["image"]', "expected 16"),
        (Upsert(title, (), {"sound": np.ones(16, np.float32)}), UnknownBlock, 'vectors["sound"]', "has image, text"),
        (Upsert(title, (), {"text": np.zeros(16, np.float32)}), InvalidQuery, 'vectors["text"]', "a direction"),
        (Upsert(title, (), {"text": np.full(16, np.inf, np.float32)}), InvalidQuery, 'vectors["text"]', "finite"),
        (Upsert(to_bytes({"title": "a", "rating": "good"})), InvalidQuery, "payload", "rating: expected a number"),
    ]
    items = [("good", Upsert(title)), *((f"bad{place}", case[0]) for place, case in enumerate(cases))]
    first, *others = intake.prepare([*items, ("last", Upsert(b"", (RED_MUG,)))], pictures.__getitem__)
    assert isinstance(first, AcceptedItem)
    assert isinstance(others.pop(), AcceptedItem)
    for outcome, (_, kind, field, words) in zip(others, cases, strict=True):
        assert isinstance(outcome, kind)
        assert outcome.field == field
        assert words in str(outcome)


def test_a_catalogue_of_own_vectors_takes_no_pictures(snapshot: Snapshot) -> None:
    """Where the catalogue brings a block's vectors, pictures are refused in words and texts are no block."""
    intake = Ingest(snapshot, {}, None)
    picture_, text = intake.prepare(
        [("a", Upsert(b"", (RED_MUG,))), ("b", Upsert(to_bytes({"title": "x"})))], {}.__getitem__
    )
    assert isinstance(picture_, InvalidQuery)
    assert "expected vectors for block 'image'" in str(picture_)
    assert isinstance(text, InvalidQuery)
    assert "nothing to embed" in str(text)
    assert snapshot.dims == {"image": DIM, "text": DIM}


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Snapshot, Plain, Path]:
    """A snapshot of texts and pictures made by an encoder that writes down what it is given, and that diary."""
    (tmp_path / "a.png").write_bytes(picture("red", "mug"))
    rows = [{"item_id": f"i{number}", "title": f"title {number}", "image": "a.png"} for number in range(9)]
    diary = tmp_path / "diary"
    config = BuildConfig(
        write_lines(tmp_path / "rows.jsonl", rows),
        tmp_path / "store",
        ModelSpec(str(diary), None, "tests.support.catalogs:Plain"),
        publish=False,
    )
    manifest = build(config, no_progress)
    diary.unlink()
    return open_snapshot(Store(tmp_path / "store"), manifest.snapshot), Plain(ModelSpec(str(diary)), "", ""), diary


def test_nothing_is_embedded_twice(plain: tuple[Snapshot, Plain, Path], tmp_path: Path) -> None:
    """The build's cache is used and filled; what a change brings made before is not even looked up."""
    snapshot, encoder, diary = plain
    encoders = {"image": encoder, "text": encoder}
    with EmbeddingCache(tmp_path / "store" / "cache" / "embeddings.sqlite") as cache:
        intake = Ingest(snapshot, encoders, cache)
        known = Upsert(to_bytes({"title": "title 3"}))
        accepted(intake.prepare([("x", known)], PICTURES.__getitem__))
        assert not diary.exists()
        fresh = Upsert(to_bytes({"title": "unheard"}), (BLUE_LAMP,))
        (first,) = accepted(intake.prepare([("x", fresh)], PICTURES.__getitem__))
        assert diary.read_text().splitlines() == ['["image", 1]', '["text", 1]']
        (again,) = accepted(intake.prepare([("y", fresh)], {}.__getitem__))
    (replayed,) = accepted(Ingest(snapshot, encoders, None).prepare([("x", first.upsert)], {}.__getitem__))
    assert len(diary.read_text().splitlines()) == 2
    for block in ("image", "text"):
        np.testing.assert_array_equal(again.prepared.vectors[block], first.prepared.vectors[block])
        np.testing.assert_array_equal(replayed.prepared.vectors[block], first.prepared.vectors[block])


def test_vectors_of_another_model_or_text_are_made_again(plain: tuple[Snapshot, Plain, Path]) -> None:
    """What a change brings is used only if the model, the preprocessing and the content are those of now."""
    snapshot, encoder, diary = plain
    title = Upsert(to_bytes({"title": "a"}))
    (first,) = accepted(Ingest(snapshot, {"text": encoder}, None).prepare([("x", title)], {}.__getitem__))
    other_text = Upsert(to_bytes({"title": "b"}), embedded=first.upsert.embedded)
    (second,) = accepted(Ingest(snapshot, {"text": encoder}, None).prepare([("x", other_text)], {}.__getitem__))
    np.testing.assert_allclose(second.prepared.vectors["text"], encoder.encode_texts(["b"])[0], atol=2e-3)
    count = len(diary.read_text().splitlines())
    encoder.fingerprint = replace(encoder.fingerprint, weights_sha256="other")
    accepted(Ingest(snapshot, {"text": encoder}, None).prepare([("x", first.upsert)], {}.__getitem__))
    assert len(diary.read_text().splitlines()) == count + 1
