"""Computes the population statistics of a build and writes them into its snapshot.

Only what several shoppers share is stored, and nothing that could identify one of them.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from engine.columns.field_roles import choose_fields
from engine.encoders.encoder import Encoder
from engine.events.shop_clock import find_now_s
from engine.lexical.tokenizer import to_words
from engine.profiles.label import is_meaningful, surface_forms
from engine.profiles.population import (
    MIN_SHOPPERS,
    RECORD_FILE,
    SHOPPERS,
    TAGS_FILE,
    TASTE_FILE,
    PopulationRecord,
    SegmentRecord,
    TagRecord,
    to_item_features,
)
from engine.profiles.shopper_features import (
    FeatureScale,
    FeatureSpace,
    ShopperFeatures,
    compute_features,
)
from engine.scoring.vectors import Matrix
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot
from indexer.events.event_table import EventTable
from indexer.progress import Progress
from indexer.shoppers.item_tags import IMAGE, LOOKS, ItemTags, missing_tag_kinds, tag_items, tag_kinds
from indexer.shoppers.segment_names import ShopperThemes, name_segments
from indexer.shoppers.segments import cluster_shoppers
from indexer.shoppers.shopper_items import ShopperItems

TASTE_DIMS = 8
"""The number of principal directions of the items' vectors that describe a shopper's taste."""

_MAX_KINDS = 40
_MAX_WORDS = 20_000
_MAX_THEME_WORDS = 300
_PRICE_STEPS = 200
# The number of items that the directions are computed from.
_MAX_SAMPLED = 20_000


def write_population(snapshot: Snapshot, events: EventTable, encoder: Encoder | None, progress: Progress) -> None:
    """Write the population statistics of a snapshot into its folder, for `engine.profiles.population` to read.

    Cost: 50 µs per item with events, and some seconds for 100,000 shoppers.

    Args:
        encoder: The encoder of the image block, None if there is none.
    """
    directory = snapshot.directory / SHOPPERS
    directory.mkdir()
    titles = _read_titles(snapshot)
    image_encoder = encoder if IMAGE in snapshot.manifest.encoded_blocks else None
    progress("shoppers", 0, len(events.user_ids))
    tags = tag_items(ReadView(snapshot), titles, missing_tag_kinds(snapshot.columns.names()), image_encoder)
    codes = np.stack([tag.codes for tag in tags], axis=1) if tags else np.zeros((len(snapshot), 0), np.int8)
    shopper_items = ShopperItems.from_events(snapshot, events, tags, codes)
    space = _build_space(snapshot, shopper_items)
    item_features = to_item_features(space, shopper_items.products, shopper_items.view, shopper_items.rows)
    features = compute_features(shopper_items.interactions, item_features, find_now_s(events.times_s))
    scale = FeatureScale.fit(features)
    segments, silhouettes = _build_segments(features, scale, shopper_items, space)
    record = PopulationRecord(
        shoppers=len(events.user_ids),
        events=len(events),
        fields=shopper_items.fields.to_json(),
        shares={field: shopper_items.shares(field) for field in shopper_items.fields.all_fields},
        words=_word_shares(titles),
        kinds_field=space.field,
        kinds=space.kinds,
        prices=tuple(space.prices.tolist()),
        mean=tuple(scale.mean.tolist()),
        spread=tuple(scale.spread.tolist()),
        segments=segments,
        silhouettes=silhouettes,
        tags={tag.kind.name: _tag_record(tag) for tag in tags},
    )
    (directory / RECORD_FILE).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    np.savez(directory / TASTE_FILE, centre=space.centre, basis=space.basis)
    np.save(directory / TAGS_FILE, codes)
    progress("shoppers", len(events.user_ids), len(events.user_ids))


def _build_space(snapshot: Snapshot, shopper_items: ShopperItems) -> FeatureSpace:
    """Return how items are mapped to features.

    Kinds come from the widest field that distinguishes items, prices are quantiles, directions are principal.
    """
    shares = {field: shopper_items.shares(field) for field in shopper_items.fields.kinds}
    narrow = [field for field, of in shares.items() if of and max(of.values()) <= 0.5]
    field = next(iter(narrow or shares), "")
    price = shopper_items.fields.price
    prices = snapshot.columns.numbers(price) if price else np.zeros(0)
    priced = prices[np.isfinite(prices)]
    steps = np.quantile(priced, np.linspace(0, 1, _PRICE_STEPS)) if len(priced) else priced
    centre, basis = _principal_directions(shopper_items)
    return FeatureSpace(field, tuple(shares.get(field, {}))[:_MAX_KINDS], steps, centre, basis)


def _principal_directions(shopper_items: ShopperItems) -> tuple[Matrix, Matrix]:
    """Return the mean of the items' concatenated vectors, and their principal directions."""
    rows = np.array(shopper_items.rows, np.int64)
    sample = np.sort(np.random.default_rng(7).permutation(rows)[:_MAX_SAMPLED])
    blocks = shopper_items.view.vectors_of(sample)
    parts, means = [], []
    for vectors, in_view in blocks.values():
        mean = vectors[in_view].mean(axis=0) if in_view.any() else np.zeros(vectors.shape[1], np.float32)
        means.append(mean)
        parts.append(np.where(in_view[:, None], vectors - mean, 0.0))
    apart = np.concatenate(parts, axis=1).astype(np.float64)
    _, vectors = np.linalg.eigh(apart.T @ apart)
    basis = vectors[:, ::-1][:, :TASTE_DIMS]
    # The sign of a direction is arbitrary; fixed, so that builds are reproducible: its largest entry is positive.
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
    return np.concatenate(means), basis.astype(np.float32)


def _build_segments(
    features: ShopperFeatures, scale: FeatureScale, shopper_items: ShopperItems, space: FeatureSpace
) -> tuple[tuple[SegmentRecord, ...], dict[int, float]]:
    """Return the segments of all shoppers, largest first, and the silhouette of each number of segments."""
    found = cluster_shoppers(scale.to_points(features))
    if found is None:
        return (), {}
    themes = ShopperThemes(space.kinds, features.kinds) if space.kinds else _word_themes(shopper_items)
    sizes = np.bincount(found.groups).tolist()
    tag_fields = name_segments(features, themes, found.groups)
    segments = tuple(
        SegmentRecord(
            name=words.name,
            description=words.description,
            share=size / len(found.groups),
            size=size,
            centroid=tuple(centroid.tolist()),
            apart=words.apart,
        )
        for words, size, centroid in zip(tag_fields, sizes, found.centroids, strict=True)
    )
    return segments, found.silhouettes


def _word_themes(shopper_items: ShopperItems) -> ShopperThemes:
    """Return shoppers' themes from title words, the words that most shoppers choose."""
    # Segments are not named after colours.
    look_words = {
        word for kind in tag_kinds() if kind.name in LOOKS for words in kind.values.values() for word in words
    }
    names, by_user = shopper_items.by_value(
        lambda product: [word for word in to_words(product.title) if is_meaningful(word) and word not in look_words]
    )
    shoppers = np.asarray((by_user > 0).sum(axis=0)).ravel()
    kept = np.argsort(-shoppers, kind="stable")[:_MAX_THEME_WORDS]
    kept = kept[shoppers[kept] >= MIN_SHOPPERS]
    total = np.maximum(np.asarray(shopper_items.preferences.sum(axis=1)).ravel(), 1e-12)[:, None]
    written = surface_forms([product for product in shopper_items.products if product is not None])
    return ShopperThemes(
        tuple(written.get(names[index], names[index]) for index in kept.tolist()), by_user[:, kept].toarray() / total
    )


def _read_titles(snapshot: Snapshot) -> list[str]:
    """Return the title of each item, "" for none."""
    titles = [""] * len(snapshot)
    name = choose_fields(snapshot.columns).title
    if name:
        column = snapshot.columns.column(snapshot.columns.check(name))
        rows, codes = column.pairs()
        for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
            titles[row] = titles[row] or str(column.value(code))
    return titles


def _word_shares(titles: Sequence[str]) -> dict[str, float]:
    """Return the share of titles that contain each word, most common first; words of a single title are left out."""
    counts = Counter(word for title in titles for word in set(to_words(title)))
    common = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_MAX_WORDS]
    return {word: count / len(titles) for word, count in common if count > 1}


def _tag_record(tags: ItemTags) -> TagRecord:
    return TagRecord(values=tuple(tags.kind.values), said=tags.said, seen=tags.seen, agreement=tags.agreement)
