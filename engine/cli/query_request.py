"""The search request that the options of `engine query` describe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cli.option_values import EXP_DECAY, LINEAR, LOG1P, BoostOption, PinOption
from engine.errors import InvalidSetting
from engine.v1 import query_pb2, search_pb2

KINDS = ("text", "image", "item", "user")
SHAPES = {
    LINEAR: query_pb2.Boost.SHAPE_LINEAR,
    LOG1P: query_pb2.Boost.SHAPE_LOG1P,
    EXP_DECAY: query_pb2.Boost.SHAPE_EXP_DECAY,
}
MISSING = {
    "renormalize": query_pb2.MISSING_MODALITY_RENORMALIZE,
    "neutral": query_pb2.MISSING_MODALITY_NEUTRAL,
    "drop": query_pb2.MISSING_MODALITY_DROP,
}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """All options of a search but the query parts. None and empty values mean not given."""

    modality_weights: Mapping[str, float]
    boosts: Sequence[BoostOption] = ()
    pins: Sequence[PinOption] = ()
    facets: Sequence[str] = ()
    fields: Sequence[str] = ()
    missing: str = "renormalize"
    filter: str = ""
    diversity: float | None = None
    collapse_by: str = ""
    min_score: float | None = None
    recall_target: float | None = None
    budget_ms: float | None = None
    limit: int = 10
    page_token: str = ""
    explain: bool = False
    change: str | None = None
    exclude: Sequence[str] = ()


def to_request(
    texts: Iterable[str],
    images: Iterable[Path],
    item_ids: Iterable[str],
    weights: Sequence[tuple[str, float]],
    options: SearchOptions,
    user_ids: Iterable[str] = (),
) -> search_pb2.SearchRequest:
    """Return the request for these query parts.

    Args:
        texts: Query texts.
        images: Query image files.
        item_ids: Items to search by.
        weights: (kind, weight) pairs. A single weight of a kind is for all its parts; several are for one part each,
            in order.
        options: Everything else.
        user_ids: Shoppers to personalise for.

    Raises:
        InvalidSetting: The weights do not match the parts, or there is nothing for the change to apply to.
        OSError: An image cannot be read.
    """
    request = _to_options_message(options)
    parts = {
        "text": [query_pb2.QueryPart(text=text) for text in texts],
        "image": [query_pb2.QueryPart(image=path.read_bytes()) for path in images],
        "item": [query_pb2.QueryPart(item_id=item_id) for item_id in item_ids],
        "user": [query_pb2.QueryPart(user_id=user_id) for user_id in user_ids],
    }
    _set_weights(parts, weights)
    if options.change is not None:
        changed = [*parts["image"], *parts["item"]]
        if not changed:
            raise InvalidSetting("expected --image or --item with --change, got none")
        for part in changed:
            part.change = options.change
    for kind in KINDS:
        request.parts.extend(parts[kind])
    return request


def to_boost(option: BoostOption) -> query_pb2.Boost:
    """Return the message of a --boost."""
    return query_pb2.Boost(
        field=option.field, weight=option.weight, shape=SHAPES[option.shape], origin=option.origin, scale=option.scale
    )


def _to_options_message(options: SearchOptions) -> search_pb2.SearchRequest:
    request = search_pb2.SearchRequest(
        modality_weights=options.modality_weights,
        missing_modality=MISSING[options.missing],
        filter=options.filter,
        boosts=[to_boost(boost) for boost in options.boosts],
        pins=[query_pb2.Pin(item_id=pin.item_id, position=pin.position) for pin in options.pins],
        collapse_by=options.collapse_by,
        facets=options.facets,
        min_score=options.min_score,
        page_size=options.limit,
        page_token=options.page_token,
        recall_target=options.recall_target,
        explain=options.explain,
        budget_ms=options.budget_ms,
        exclude_item_ids=options.exclude,
    )
    if options.diversity is not None:
        # setattr, since `lambda` is a keyword in Python.
        setattr(request.diversity, "lambda", options.diversity)
    if options.fields:
        request.read_mask.paths.extend(f"payload.{field}" for field in options.fields)
    return request


def _set_weights(parts: Mapping[str, Sequence[query_pb2.QueryPart]], weights: Sequence[tuple[str, float]]) -> None:
    for kind in {kind for kind, _ in weights}:
        given = [weight for name, weight in weights if name == kind]
        if kind not in parts:
            raise InvalidSetting(f"expected a weight of {', '.join(KINDS)}, got one of {kind!r}")
        weighted = parts[kind]
        if len(given) not in (1, len(weighted)) or not weighted:
            raise InvalidSetting(f"expected 1 weight of {kind} or one for each of {len(weighted)}, got {len(given)}")
        for index, part in enumerate(weighted):
            part.weight = given[index % len(given)]
