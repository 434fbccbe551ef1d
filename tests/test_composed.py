"""Composed queries: a picture or an item of generated goods, and a text that changes it, asked of a real searcher."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.catalog.payload import from_bytes
from engine.composition.catalog_attributes import CatalogAttributes
from engine.composition.query_rewriter import QueryRewriter
from engine.composition.text_change import TextChanges
from engine.composition.title_phrases import TitlePhrases, phrases_in
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidQuery, ItemNotFound, NoEncoder, NotSupported
from engine.scoring.answer import Hit
from engine.scoring.query import ImagePart, ItemPart, Query, TextPart
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer import sample
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_parquet

pytestmark = pytest.mark.long

ITEMS, SEED = 240, 31
Payload = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """A searcher of generated goods, their payloads by id, and where their pictures lie."""

    searcher: Searcher
    payloads: dict[str, Payload]
    folder: Path

    def picture(self, item_id: str) -> bytes:
        """The bytes of an item's picture."""
        return (self.folder / self.payloads[item_id]["image"]).read_bytes()

    def ask(self, *parts: Any, **options: Any) -> list[Hit]:
        """The hits of a composed query."""
        query = QueryRewriter().rewrite(self.searcher, Query(tuple(parts), **options))
        return list(self.searcher.search(query).hits)

    def changeable(self, field: str, most: int = 12) -> list[tuple[str, str]]:
        """Items, and a value of the field that other items of their type have."""
        found = []
        for item_id, payload in self.payloads.items():
            values = {
                other[field]
                for other in self.payloads.values()
                if other["product_type"] == payload["product_type"] and other.get(field) not in (None, payload[field])
            }
            if values:
                found.append((item_id, min(values)))
        return found[:: max(1, len(found) // most)][:most]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop of generated goods, embedded by the embedded model."""
    folder = tmp_path_factory.mktemp("composed")
    sample.write(folder, ITEMS, SEED)
    build(BuildConfig(folder / "catalog.jsonl", folder / "store", ModelSpec("mini")), no_progress)
    searcher = open_searcher(folder / "store")
    view = searcher.view
    return Shop(searcher, {view.item_id(row): from_bytes(view.payload(row)) for row in range(ITEMS)}, folder)


def reference(shop: Shop, kind: str, item_id: str, change: str) -> ItemPart | ImagePart:
    """The item, or its picture, with a change."""
    return ItemPart(item_id, change=change) if kind == "item" else ImagePart(shop.picture(item_id), change=change)


@pytest.mark.parametrize("kind", ["item", "picture"])
@pytest.mark.parametrize("field", ["color", "pattern", "material"])
def test_the_best_hit_is_of_the_type_and_changed(shop: Shop, kind: str, field: str) -> None:
    """Nine in ten best hits have the reference's type and the new value; none is the reference."""
    right = []
    for item_id, value in shop.changeable(field):
        hits = shop.ask(reference(shop, kind, item_id, f"but in {value}"))
        best = shop.payloads[hits[0].item_id]
        right.append(best["product_type"] == shop.payloads[item_id]["product_type"] and best[field] == value)
        assert item_id not in [hit.item_id for hit in hits]
    assert np.mean(right) >= 0.9


def test_what_the_change_leaves_stays(shop: Shop) -> None:
    """Where an item of the type, the new colour and the same pattern exists, one of them comes first more than not."""
    kept = []
    for item_id, value in shop.changeable("color", 40):
        own = shop.payloads[item_id]
        wanted = {"product_type": own["product_type"], "color": value, "pattern": own["pattern"]}
        if any(wanted.items() <= payload.items() for payload in shop.payloads.values()):
            hits = shop.ask(ItemPart(item_id, change=f"in {value}"))
            kept.append(wanted.items() <= shop.payloads[hits[0].item_id].items())
    assert np.mean(kept) > 0.5


def test_a_change_of_the_kind_replaces_the_kind(shop: Shop) -> None:
    """ "As a mug" keeps the colour of the sofa, and nothing else of what it is."""
    item_id = next(name for name, payload in shop.payloads.items() if payload["product_type"] == "sofa")
    colour = next(payload["color"] for payload in shop.payloads.values() if payload["product_type"] == "mug")
    best = shop.payloads[shop.ask(ItemPart(item_id, change=f"as a mug in {colour}"))[0].item_id]
    assert (best["product_type"], best["color"]) == ("mug", colour)


def test_what_is_ruled_out_is_not_found(shop: Shop) -> None:
    """ "Not striped" has no striped hit, though the reference is."""
    item_id = next(name for name, payload in shop.payloads.items() if payload["pattern"] == "striped")
    hits = shop.ask(ItemPart(item_id, change="not striped"), limit=5)
    assert "striped" not in [shop.payloads[hit.item_id]["pattern"] for hit in hits]


def test_contributions_name_the_fields_and_sum_to_the_score(shop: Shop) -> None:
    """What a changed field gave is told as change:color."""
    item_id, value = shop.changeable("color")[0]
    for hit in shop.ask(ItemPart(item_id, change=f"in {value}"), explain=True):
        assert sum(hit.contributions.values()) == pytest.approx(hit.score)
        found = shop.payloads[hit.item_id]["color"] == value
        assert (hit.contributions.get("change:color", 0.0) > 0) == found


def test_parts_beside_a_changed_one_count_as_ever(shop: Shop) -> None:
    """The other parts of the query are left as they are, and excluded items stay excluded."""
    item_id, value = shop.changeable("color")[0]
    query = Query((TextPart("gift"), ItemPart(item_id, change=f"in {value}")), excluded_ids=frozenset({"x"}))
    rewritten = QueryRewriter().rewrite(shop.searcher, query)
    assert rewritten.parts[0] == TextPart("gift")
    assert rewritten.excluded_ids == {"x", item_id}
    assert QueryRewriter().rewrite(shop.searcher, replace(query, parts=(TextPart("gift"),))).matches == ()


def test_pages_follow_each_other(shop: Shop) -> None:
    """Filters, groups and facets hold for a composed query as for any other."""
    item_id, value = shop.changeable("color")[0]
    own = shop.payloads[item_id]["category"]
    hits = shop.ask(ItemPart(item_id, change=f"in {value}"), filter=f'category = "{own}"', collapse_by="brand")
    found = [shop.payloads[hit.item_id] for hit in hits]
    assert {payload["category"] for payload in found} == {own}
    assert len({payload["brand"] for payload in found}) == len(found)


@pytest.mark.parametrize(
    ("part", "error", "field"),
    [
        (ItemPart("no-such-item", change="in red"), ItemNotFound, "parts[0].item_id"),
        (ItemPart("item-00000", change="  "), InvalidQuery, "parts[0].change"),
        (ItemPart("item-00000", -1.0, change="in red"), InvalidQuery, "parts[0].weight"),
        (ItemPart("item-00000", 0.0, change="in red"), InvalidQuery, "parts[0].weight"),
        (ImagePart(b"no picture", change="in red"), InvalidQuery, "parts[0].image"),
    ],
)
def test_a_wrong_part_is_named(shop: Shop, part: ItemPart | ImagePart, error: type[InvalidQuery], field: str) -> None:
    """What cannot be changed is refused, with the path of the field."""
    with pytest.raises(error) as raised:
        QueryRewriter().rewrite(shop.searcher, Query((part,)))
    assert raised.value.field == field


def test_a_searcher_takes_no_changed_part(shop: Shop) -> None:
    """A change that nobody rewrote is refused, and not passed over."""
    with pytest.raises(NotSupported, match="change"):
        shop.searcher.search(Query((ItemPart("item-00000", change="in red"),)))


def understand(shop: Shop) -> Callable[[str], dict[str, dict[str, float]]]:
    """What a text names in the shop."""
    changes = TextChanges(CatalogAttributes.learn(shop.searcher.view))
    return lambda text: {name: dict(values) for name, values in changes.parse(text).wanted.items()}


def test_a_text_names_values_of_fields(shop: Shop) -> None:
    """Values, their plurals and words of the same family are found; the colour is the main one, not the accent's."""
    named = understand(shop)
    assert named("but in red, please") == {"color": {"red": 1.0}}
    assert named("in crimson") == {"color": {"red": 0.95}}
    assert named("in red or blue") == {"color": {"red": 1.0, "blue": 1.0}}
    assert named("wooden, with polka dots") == {"material": {"wood": 0.95}, "pattern": {"dotted": 0.95}}
    assert named("a bit nicer") == {}


def test_the_kind_counts_most_and_the_brand_nothing(shop: Shop) -> None:
    """A field counts by what pictures and texts know of it."""
    weights = {field.name: field.weight for field in CatalogAttributes.learn(shop.searcher.view).fields}
    assert max(weights, key=lambda name: weights[name]) == "product_type"
    assert weights["brand"] < weights["pattern"] < weights["color"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    """A shop of own vectors and no model, whose colours and kinds are fields of other names."""
    folder = tmp_path_factory.mktemp("plain")
    vectors = clustered(80, clusters=4)
    kinds = [f"kind {number % 4}" for number in range(80)]
    tones = [("red", "blue", "green", "white")[number // 4 % 4] for number in range(80)]
    lined = [("No", "Yes")[number // 2 % 2] for number in range(80)]
    catalogue = write_parquet(folder / "plain.parquet", vectors, sort_of_thing=kinds, tone=tones, lined=lined)
    manifest = build(BuildConfig(catalogue, folder / "store"), no_progress)
    return Searcher(open_snapshot(Store(folder / "store"), manifest.snapshot), None)


def test_a_shop_without_a_model_answers_by_its_fields(plain: Searcher) -> None:
    """No encoder is needed where a field has the value; the names of fields do not matter."""
    query = QueryRewriter().rewrite(plain, Query((ItemPart("i0", change="in blue"),)))
    for hit in plain.search(query).hits[:5]:
        assert from_bytes(plain.view.payload(hit.row))["tone"] == "blue"


def test_no_is_a_denial_and_not_a_value(plain: Searcher) -> None:
    """ "No red" rules red out, and asks for no item whose field says "No"."""
    change = TextChanges(CatalogAttributes.learn(plain.view)).parse("no red")
    assert "lined" not in change.wanted
    assert "red" in change.unwanted["tone"]


def test_a_change_that_nothing_understands_is_refused(plain: Searcher) -> None:
    """Without a model and without the value there is nothing that the change could say."""
    with pytest.raises(NoEncoder) as raised:
        QueryRewriter().rewrite(plain, Query((ItemPart("i0", change="with a zip"),)))
    assert raised.value.field == "parts[0].change"


def test_phrases_are_found_in_titles() -> None:
    """As they are written there, the longest first, and nothing else."""
    colours = frozenset({("blue",), ("navy", "blue"), ("black",), ("bottle", "green")})
    assert phrases_in("Nike Navy-Blue Black Shoe", colours) == ["Navy-Blue", "Black"]
    assert phrases_in("Blue Navy Blue Bottle", colours) == ["Blue", "Navy Blue"]
    assert phrases_in("", colours) == []


def test_words_of_titles_say_the_kind() -> None:
    """A word that items which look alike share says the kind; a brand of all kinds does not."""
    titles = [f"{'Acme' if number % 2 else 'Birch'} {'belt' if number < 10 else 'watch'}" for number in range(20)]
    compared = np.arange(20)
    near = np.array([[(row // 10) * 10 + (row + step) % 10 for step in range(1, 5)] for row in range(20)])
    words = TitlePhrases(titles, (compared, near))
    assert words.kind("Acme belt", [1, 2]) == "belt"
    assert words.kind("", [12, 13]) == "watch"
    assert words.kind("Acme belt", [1, 2], {"belt"}) == ""
