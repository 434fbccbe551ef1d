"""What a build learns of all shoppers together, written beside the items of its snapshot.

Only what several shoppers share is kept, and nothing by which one of them could be known again.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns.field_roles import FieldRoles, choose_fields
from engine.encoders.encoder import Encoder
from engine.events.shop_clock import find_now_s
from engine.lexical.tokenizer import to_words
from engine.profiles.label import speaks, surfaces
from engine.profiles.population import (
    FEWEST,
    RECORD_FILE,
    SHOPPERS,
    TAGS,
    TAGS_FILE,
    TASTE_FILE,
    Population,
    PopulationRecord,
    SegmentRecord,
    TagRecord,
    shelf_of,
)
from engine.profiles.product_facts import ProductFacts
from engine.profiles.shopper_features import (
    TYPES,
    WORTH,
    FeatureScale,
    FeatureSpace,
    Interactions,
    ShopperFeatures,
    traits_of,
)
from engine.scoring.vectors import Matrix
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot
from indexer.embedding.embed import Progress
from indexer.events.event_table import EventTable
from indexer.shoppers.item_tags import IMAGE, LOOKS, ItemTags, tag_items, tag_kinds, wanted_kinds
from indexer.shoppers.segment_names import ShopperThemes, name_segments
from indexer.shoppers.segments import group

TASTE_DIMS = 8
"""How many directions of the items' vectors tell shoppers apart."""

_MOST_KINDS = 40
_MOST_WORDS = 20_000
_MOST_SHARED = 2_000
_THEME_WORDS = 300
_PRICE_STEPS = 200
# Of how many items the directions are learnt.
_LEARNT_FROM = 20_000


def learn_shoppers(snapshot: Snapshot, events: EventTable, encoder: Encoder | None, progress: Progress) -> None:
    """Write what is usual among the shoppers of a snapshot into its folder, for `engine.profiles.population` to read.

    encoder: the one that made the picture block, None if none did.
    Cost: 50 µs an item that there are events of, and for 100,000 shoppers some seconds.
    """
    directory = snapshot.directory / SHOPPERS
    directory.mkdir()
    titles = _titles(snapshot)
    pictured = encoder if IMAGE in snapshot.manifest.encoded_blocks else None
    progress("shoppers", 0, len(events.user_ids))
    tags = tag_items(ReadView(snapshot), titles, wanted_kinds(snapshot.columns.names()), pictured)
    codes = np.stack([one.codes for one in tags], axis=1) if tags else np.zeros((len(snapshot), 0), np.int8)
    taken = _ShopperItems.of(snapshot, events, tags, codes)
    space = _space(snapshot, taken)
    shelf = shelf_of(space, taken.goods, taken.view, taken.rows)
    traits = traits_of(taken.acts, shelf, find_now_s(events.times_s))
    scale = FeatureScale.of(traits)
    segments, silhouettes = _segments(traits, scale, taken, space)
    record = PopulationRecord(
        shoppers=len(events.user_ids),
        events=len(events),
        fields=taken.fields.to_json(),
        shares={field: taken.shares(field) for field in taken.fields.all_fields},
        words=_words(titles),
        kinds_field=space.field,
        kinds=space.kinds,
        prices=tuple(space.prices.tolist()),
        mean=tuple(scale.mean.tolist()),
        spread=tuple(scale.spread.tolist()),
        segments=segments,
        silhouettes=silhouettes,
        tags={one.kind.name: _tag_record(one) for one in tags},
    )
    (directory / RECORD_FILE).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    np.savez(directory / TASTE_FILE, centre=space.centre, basis=space.basis)
    np.save(directory / TAGS_FILE, codes)
    progress("shoppers", len(events.user_ids), len(events.user_ids))


@dataclass(frozen=True)
class _ShopperItems:
    """What all shoppers took. goods: (m,) the items of the events, None for one that the snapshot has not.

    rows: of those that it has, in order.   worths: (u, m) sparse, what the events of each shopper with each item say.
    """

    view: ReadView
    fields: FieldRoles
    goods: list[ProductFacts | None]
    rows: list[int]
    acts: Interactions
    worths: Any

    @classmethod
    def of(
        cls, snapshot: Snapshot, events: EventTable, tags: Sequence[ItemTags], codes: NDArray[np.int8]
    ) -> "_ShopperItems":
        """Return what a log's events say, of items with these tags."""
        from scipy.sparse import csr_array

        view = ReadView(snapshot)
        chosen = choose_fields(snapshot.columns)
        named = tuple(f"{TAGS}.{one.kind.name}" for one in tags)
        fields = replace(chosen, qualities=chosen.qualities + named)
        values = {one.kind.name: tuple(one.kind.values) for one in tags}
        known = Population(fields, {}, {}, (), values, codes, None, None)
        places = view.rows_of(events.item_ids)
        rows = [row for row in places if row is not None]
        found = iter(known.goods(view, rows))
        goods = [None if row is None else next(found) for row in places]
        acts = Interactions(events.users, events.items, events.types, events.times_s, len(events.user_ids))
        there = np.array([good is not None for good in goods])
        worth = np.array([WORTH[kind] for kind in TYPES])[events.types] * there[events.items]
        shape = (len(events.user_ids), len(goods))
        return cls(view, fields, goods, rows, acts, csr_array((worth, (events.users, events.items)), shape=shape))

    def shares(self, field: str) -> dict[str, float]:
        """Return the share of each value of a field in what all shoppers take, the largest first.

        Values that fewer than FEWEST shoppers took are left out.
        """
        names, by_user = self.by_value(lambda good: good.values.get(field, ()))
        shoppers = np.asarray((by_user > 0).sum(axis=0)).ravel()
        totals = np.asarray(by_user.sum(axis=0)).ravel() / max(float(self.worths.sum()), 1e-12)
        order = np.lexsort((np.array(names, np.str_), -totals))
        kept = [place for place in order.tolist() if shoppers[place] >= FEWEST][:_MOST_SHARED]
        return {names[place]: float(totals[place]) for place in kept}

    def by_value(self, values_of: Callable[[ProductFacts], Iterable[str]]) -> tuple[list[str], Any]:
        """Return the values that items have, and (u, v) sparse, what the events of each shopper with each say."""
        from scipy.sparse import csr_array

        names: dict[str, int] = {}
        items, places = array("i"), array("i")
        for item, good in enumerate(self.goods):
            for value in dict.fromkeys(values_of(good)) if good is not None else ():
                items.append(item)
                places.append(names.setdefault(value, len(names)))
        ones = np.ones(len(items))
        by_item = csr_array((ones, (items, places)), shape=(len(self.goods), max(1, len(names))))
        return list(names), self.worths @ by_item[:, : len(names)]


def _space(snapshot: Snapshot, taken: _ShopperItems) -> FeatureSpace:
    """Return how items are seen: the widest kinds that part them, the shop's prices, the directions they differ in."""
    shares = {field: taken.shares(field) for field in taken.fields.kinds}
    parting = [field for field, of in shares.items() if of and max(of.values()) <= 0.5]
    field = next(iter(parting or shares), "")
    price = taken.fields.price
    prices = snapshot.columns.numbers(price) if price else np.zeros(0)
    priced = prices[np.isfinite(prices)]
    steps = np.quantile(priced, np.linspace(0, 1, _PRICE_STEPS)) if len(priced) else priced
    centre, basis = _directions(taken)
    return FeatureSpace(field, tuple(shares.get(field, {}))[:_MOST_KINDS], steps, centre, basis)


def _directions(taken: _ShopperItems) -> tuple[Matrix, Matrix]:
    """Return the mean of the items' vectors, block after block, and the directions in which they differ most."""
    rows = np.array(taken.rows, np.int64)
    drawn = np.sort(np.random.default_rng(7).permutation(rows)[:_LEARNT_FROM])
    blocks = taken.view.vectors_of(drawn)
    parts, means = [], []
    for vectors, there in blocks.values():
        mean = vectors[there].mean(axis=0) if there.any() else np.zeros(vectors.shape[1], np.float32)
        means.append(mean)
        parts.append(np.where(there[:, None], vectors - mean, 0.0))
    apart = np.concatenate(parts, axis=1).astype(np.float64)
    _, vectors = np.linalg.eigh(apart.T @ apart)
    basis = vectors[:, ::-1][:, :TASTE_DIMS]
    # A direction and its opposite are the same; so that each build has the same, its largest number is above 0.
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
    return np.concatenate(means), basis.astype(np.float32)


def _segments(
    traits: ShopperFeatures, scale: FeatureScale, taken: _ShopperItems, space: FeatureSpace
) -> tuple[tuple[SegmentRecord, ...], dict[int, float]]:
    """Return the segments of all shoppers, the largest first, and how clear each number of them would have been."""
    found = group(scale.to_points(traits))
    if found is None:
        return (), {}
    themes = ShopperThemes(space.kinds, traits.kinds) if space.kinds else _word_themes(taken)
    sizes = np.bincount(found.groups).tolist()
    named = name_segments(traits, themes, found.groups)
    segments = tuple(
        SegmentRecord(
            name=words.name,
            description=words.description,
            share=size / len(found.groups),
            size=size,
            centroid=tuple(centroid.tolist()),
            apart=words.apart,
        )
        for words, size, centroid in zip(named, sizes, found.centroids, strict=True)
    )
    return segments, found.silhouettes


def _word_themes(taken: _ShopperItems) -> ShopperThemes:
    """Return what shoppers take by the words of titles, those that most shoppers took."""
    # Shoppers are not called after the colours that they like.
    looks = {word for kind in tag_kinds() if kind.name in LOOKS for words in kind.values.values() for word in words}
    names, by_user = taken.by_value(
        lambda good: [word for word in to_words(good.title) if speaks(word) and word not in looks]
    )
    shoppers = np.asarray((by_user > 0).sum(axis=0)).ravel()
    kept = np.argsort(-shoppers, kind="stable")[:_THEME_WORDS]
    kept = kept[shoppers[kept] >= FEWEST]
    total = np.maximum(np.asarray(taken.worths.sum(axis=1)).ravel(), 1e-12)[:, None]
    written = surfaces([good for good in taken.goods if good is not None])
    return ShopperThemes(
        tuple(written.get(names[place], names[place]) for place in kept.tolist()), by_user[:, kept].toarray() / total
    )


def _titles(snapshot: Snapshot) -> list[str]:
    """Return the title of each item, "" for none."""
    titles = [""] * len(snapshot)
    name = choose_fields(snapshot.columns).title
    if name:
        column = snapshot.columns.column(snapshot.columns.check(name))
        rows, codes = column.pairs()
        for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
            titles[row] = titles[row] or str(column.value(code))
    return titles


def _words(titles: Sequence[str]) -> dict[str, float]:
    """Return the share of titles that have each word that several have, the commonest first."""
    counts = Counter(word for title in titles for word in set(to_words(title)))
    common = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_WORDS]
    return {word: count / len(titles) for word, count in common if count > 1}


def _tag_record(tags: ItemTags) -> TagRecord:
    return TagRecord(values=tuple(tags.kind.values), said=tags.said, seen=tags.seen, agreement=tags.agreement)
