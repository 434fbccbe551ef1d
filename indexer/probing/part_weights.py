"""What each block weighs for each kind of query part, learnt at build from the catalogue itself, without labels.

Pictures: changed pictures of a sample of items look for their own item. Texts: pieces of the items' texts do, half of
them asked of the text they were cut from, half of the rest of it. Items and shoppers' tastes: an item looks for others
of its category, where the catalogue has a field of such a name, and their weights go half of the way from equal ones.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON
from engine.catalog.item_fields import ItemFields
from engine.columns.field_roles import KIND_WORDS
from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.lexical.bm25 import LexicalIndex
from engine.scoring.fusion import LEXICAL, TASTE, Calibration
from engine.scoring.vectors import to_unit
from engine.snapshot.manifest import PartWeightRecord
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.probing.probes import PictureProbe, TextProbe, without
from indexer.probing.similarity_weights import Floats, ProbeAccuracy, ProbeScores, alone, fit

MIN_PROBES = 100
"""Of fewer probes nothing is learnt: what they find would be chance."""
RIVALS = 4_096
LEAST_SHARE = 0.05
"""Of all vector blocks together; one that would weigh less weighs nothing: .024 cost pictures of clothes .013 at 1."""
LEAST_ITEM_SHARE = 0.05
"""What a block keeps for items and tastes: an item may have no other."""
_ITEMS_A_CATEGORY = 2.0


@dataclass(frozen=True, slots=True)
class ProbePool:
    """The embedded items that probes are asked of.

    fields: what each item says.   lexical: their words; `order` gives the item of each of its rows.
    encoder, text_encoder: as `indexer.embedding.models` has them; shared: the blocks that `encoder` made.
    content: blocks that say what an item is.
    """

    embedded: EmbeddedRows
    fields: Sequence[ItemFields]
    calibration: Calibration
    lexical: LexicalIndex | None
    order: Sequence[int]
    encoder: Encoder | None
    text_encoder: Encoder | None
    shared: tuple[str, ...]
    content: tuple[str, ...]

    @property
    def spoken(self) -> dict[str, Encoder]:
        """Block → what encodes a text that is asked of it."""
        spoken = dict.fromkeys(self.shared, self.encoder) if self.encoder is not None else {}
        if self.text_encoder is not None and "text" in self.content:
            spoken["text"] = self.text_encoder
        return {block: encoder for block, encoder in spoken.items() if encoder is not None}

    def rivals(self, seed: int = 20) -> NDArray[np.int64]:
        """Return a sample of items that compete with the own ones."""
        count = len(self.embedded.item_ids)
        return np.sort(np.random.default_rng(seed).choice(count, min(count, RIVALS), replace=False))

    def rows(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the item of each id, -1 where it was rejected."""
        known = {item_id: row for row, item_id in enumerate(self.embedded.item_ids)}
        return np.array([known.get(item_id, -1) for item_id in item_ids], np.int64)

    def similarities(self, kind: str, block: str, queries: Floats, items: NDArray[np.int64]) -> Floats:
        """Return (nq, n) standardised similarities, 0 for items without the block."""
        usual = self.calibration.of(kind, block)
        z = (queries @ to_unit(self.embedded.blocks[block][items]).T - usual.mean) / usual.std
        return np.asarray(np.where(self.embedded.present[block][items], z, 0), np.float32)


def learn_pictures(pool: ProbePool, probes: Sequence[PictureProbe]) -> tuple[PartWeightRecord, ...]:
    """Return what blocks weigh for pictures; nothing is said where there are too few probes."""
    own = pool.rows([probe.item_id for probe in probes])
    if pool.encoder is None or len(probes) < MIN_PROBES or "image" not in pool.shared:
        return ()
    rows = pool.encoder.encode_images([decode(probe.data) for probe in probes])
    scored = _scored(pool, "image", dict.fromkeys(pool.shared, rows), own)
    found = {block: alone(scored, block) for block in scored.blocks}
    return _records("image", found, _told(scored, found), len(probes))


def learn_texts(pool: ProbePool, probes: Sequence[TextProbe]) -> tuple[PartWeightRecord, ...]:
    """Return what blocks, that of words among them, weigh for texts."""
    spoken = pool.spoken
    if len(probes) < MIN_PROBES or not spoken:
        return ()
    texts = [probe.text for probe in probes]
    held = np.array([bool(probe.rest) for probe in probes])
    own = pool.rows([probe.item_id for probe in probes])
    rows = {block: encoder.encode_texts(texts) for block, encoder in spoken.items()}
    scored = _scored(pool, "text", rows, own)
    if "text" in spoken and held.any():
        usual = pool.calibration.of("text", "text")
        rest = spoken["text"].encode_texts([probe.rest for probe in probes if probe.rest])
        products = np.einsum("md,md->m", rows["text"][held], rest)
        scored.own[held, scored.blocks.index("text")] = (products - usual.mean) / usual.std
    scored = _with_words(pool, probes, own, scored)
    long = np.array([len(text.split()) > 3 for text in texts])
    found = {block: alone(scored.of(~held), block) for block in scored.blocks}
    chance = {block for block in found if found[block].is_chance and alone(scored.of(held), block).is_chance}
    weights = _told(scored, found, chance, np.where(held, 2, long))
    return _records("text", found, weights, int((~held).sum()))


def learn_items(pool: ProbePool, seed: int = 21) -> tuple[PartWeightRecord, ...]:
    """Return what blocks weigh for items and for tastes; nothing is said without categories to learn from."""
    categories = categories_of(pool.embedded.payloads)
    known = Counter(category for category in categories if category)
    if len(pool.content) < 2 or len(known) < 2:
        return ()
    rng = np.random.default_rng(seed)
    there = np.all([pool.embedded.present[block] for block in pool.content], axis=0)
    named = np.array([bool(category) and known[category] > 1 for category in categories])
    drawn = rng.permutation(np.flatnonzero(there & named))[: 2 * MIN_PROBES]
    if len(drawn) < MIN_PROBES:
        return ()
    by_category: dict[str, list[int]] = {}
    for row in np.flatnonzero(there & named).tolist():
        by_category.setdefault(categories[row], []).append(row)
    others = [[row for row in by_category[categories[one]] if row != one] for one in drawn.tolist()]
    pairs = [(one, int(rng.choice(same))) for one, same in zip(drawn.tolist(), others, strict=True) if same]
    asked, like = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    if len(asked) < MIN_PROBES:
        return ()
    rows = {block: to_unit(pool.embedded.blocks[block][asked]) for block in pool.content}
    rivals = pool.rivals()
    named_as = np.array(categories, object)
    scored = _scored(pool, "item", rows, like, named_as[asked][:, None] != named_as[rivals][None, :])
    found = {block: alone(scored, block) for block in scored.blocks}
    fitted = _told(scored, found)
    equal = 1 / len(found)
    shares = {block: max(LEAST_ITEM_SHARE, (equal + fitted[block]) / 2) for block in found}
    shares = {block: LEAST_ITEM_SHARE if found[block].is_chance else share for block, share in shares.items()}
    weights = {block: share / sum(shares.values()) for block, share in shares.items()}
    return _records("item", found, weights, len(asked)) + _records(TASTE, found, weights, len(asked))


def categories_of(payloads: Sequence[Mapping[str, JSON]]) -> list[str]:
    """Return each item's value of the finest field that is named like a category and is shared by several, or ""."""
    names = {name for payload in payloads for name in payload if KIND_WORDS & {*name.casefold().split("_")}}
    finest: list[str] = [""] * len(payloads)
    most = 1
    for name in sorted(names):
        values = [value if isinstance(value := payload.get(name), str) else "" for payload in payloads]
        counts = Counter(value for value in values if value)
        if most < len(counts) and counts.total() >= _ITEMS_A_CATEGORY * len(counts):
            finest, most = values, len(counts)
    return finest


def _scored(
    pool: ProbePool,
    kind: str,
    rows: Mapping[str, Floats],
    own: NDArray[np.int64],
    counted: NDArray[np.bool_] | None = None,
) -> ProbeScores:
    """Return what each block says of the own items and of all rivals. rows: block → (m, d) encoded probes."""
    rivals = pool.rivals()
    blocks = tuple(rows)
    others = np.stack([pool.similarities(kind, block, rows[block], rivals) for block in blocks], axis=-1)
    mine = np.zeros((len(own), len(blocks)), np.float32)
    for index, block in enumerate(blocks):
        usual = pool.calibration.of(kind, block)
        products = np.einsum("md,md->m", rows[block], to_unit(pool.embedded.blocks[block][own]))
        mine[:, index] = np.where(pool.embedded.present[block][own], (products - usual.mean) / usual.std, 0)
    return ProbeScores(blocks, others, mine, own[:, None] != rivals[None, :] if counted is None else counted)


def _with_words(
    pool: ProbePool, probes: Sequence[TextProbe], own: NDArray[np.int64], scored: ProbeScores
) -> ProbeScores:
    """Return the same with the block of words.

    Of a piece that is held back, items that hold more of its words than the rest of the text are no wrong answers.
    """
    if pool.lexical is None:
        return scored
    rivals, usual = pool.rivals(), pool.calibration.of("text", LEXICAL)
    counted = scored.counted.copy()
    others, mine = np.zeros(counted.shape, np.float32), np.zeros(len(own), np.float32)
    order = np.asarray(pool.order)
    for index, probe in enumerate(probes):
        scores = np.zeros(len(order), np.float32)
        rows, shares = pool.lexical.scores(probe.text)
        scores[order[rows]] = shares
        said = float(scores[own[index]])
        if probe.rest:
            rest = [without(text, probe.text) for text in pool.fields[own[index]]]
            said = pool.lexical.score(probe.text, rest)
        others[index], mine[index] = scores[rivals], said
        if probe.rest:
            counted[index] &= scores[rivals] <= said + 1e-6
    return ProbeScores(
        (*scored.blocks, LEXICAL),
        np.concatenate([scored.rivals, ((others - usual.mean) / usual.std)[..., None]], axis=-1),
        np.concatenate([scored.own, ((mine - usual.mean) / usual.std)[:, None]], axis=-1),
        counted,
    )


def _told(
    scored: ProbeScores,
    found: Mapping[str, ProbeAccuracy],
    chance: set[str] | None = None,
    groups: NDArray[np.integer] | None = None,
) -> dict[str, float]:
    """Return block → weight: 0 for blocks at chance; the larger of words and of all vectors together weighs 1.

    So a query scores about the same whether it is learnt what blocks tell or not. All weigh alike where all are at
    chance.
    """
    at_chance = {block for block in found if found[block].is_chance} if chance is None else chance
    telling = [index for index, block in enumerate(scored.blocks) if block not in at_chance]
    if not telling:
        return _normalised(dict.fromkeys(scored.blocks, 1.0))
    names = tuple(scored.blocks[index] for index in telling)
    weights = dict.fromkeys(scored.blocks, 0.0)
    fitted = fit(ProbeScores(names, scored.rivals[..., telling], scored.own[:, telling], scored.counted), groups)
    weights |= dict(zip(names, fitted.tolist(), strict=True))
    content = sum(weight for block, weight in weights.items() if block != LEXICAL)
    weights = {
        block: weight if block == LEXICAL or weight >= LEAST_SHARE * content else 0.0
        for block, weight in weights.items()
    }
    return _normalised(weights if any(weights.values()) else dict.fromkeys(scored.blocks, 1.0))


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    content = sum(weight for block, weight in weights.items() if block != LEXICAL)
    most = max(content, weights.get(LEXICAL, 0.0)) or 1.0
    return {block: weight / most for block, weight in weights.items()}


def _records(
    kind: str, found: Mapping[str, ProbeAccuracy], weights: Mapping[str, float], probes: int
) -> tuple[PartWeightRecord, ...]:
    return tuple(
        PartWeightRecord(
            part_kind=kind,
            block=block,
            weight=round(weights[block], 4),
            auc=round(one.auc, 4),
            success_at_1=round(one.success_at_1, 4),
            success_at_10=round(one.success_at_10, 4),
            probes=probes,
        )
        for block, one in found.items()
    )


def learn(
    pool: ProbePool, pictures: Sequence[PictureProbe], texts: Sequence[TextProbe], progress: Callable[[int, int], None]
) -> tuple[PartWeightRecord, ...]:
    """Return what each block weighs for pictures, texts, items and tastes."""
    steps = (partial(learn_pictures, pool, pictures), partial(learn_texts, pool, texts), partial(learn_items, pool))
    records: tuple[PartWeightRecord, ...] = ()
    for number, step in enumerate(steps, start=1):
        records += step()
        progress(number, len(steps))
    return records
