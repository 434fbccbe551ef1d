"""Hits as one HTML page with their pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli.hit_output import to_lines
from engine.cli.sheet_drawing import open_picture
from engine.pages.item_card import ItemCard, to_fields, to_title
from engine.pages.page import render
from engine.pages.thumbnail import to_thumbnail
from engine.snapshot.store import Store
from engine.v1 import search_pb2

_ADDRESSES = ("http://", "https://")


def render_hits(
    request: search_pb2.SearchRequest,
    response: search_pb2.SearchResponse,
    photos: Sequence[Path],
    pictures: Path | None,
    fields: Sequence[str] = (),
) -> str:
    """Return a page of the query and its hits, best first.

    Args:
        request: The query.
        response: The answer.
        photos: The photos of the query.
        pictures: Folder that the image names of the payloads are relative to; None if unknown.
        fields: Payload fields to show; price, category and brand if empty.
    """
    lines = list(to_lines(response))
    return render(
        "hits.html",
        title=_title(request, photos),
        notices=[f"filter: {request.filter}"] if request.filter else [],
        asked=[_photo_card(photo) for photo in photos],
        hits=[_hit_card(line, pictures, fields) for line in lines if "item_id" in line],
        facets=[
            (line["facet"], [(entry["value"], entry["count"]) for entry in line["values"]])
            for line in lines
            if "facet" in line
        ],
    )


def image_folder(root: Path) -> Path | None:
    """Return the folder of the pictures of a store's catalogue, None if the store does not know it."""
    store = Store(root)
    folder = store.manifest(store.require_current()).catalogue.image_folder
    return Path(folder) if folder else None


def _title(request: search_pb2.SearchRequest, photos: Sequence[Path]) -> str:
    words = [part.text for part in request.parts if part.text]
    names = [photo.name for photo in photos]
    items = [f"like {part.item_id}" for part in request.parts if part.item_id]
    return " + ".join([*words, *names, *items]) or "Hits"


def _photo_card(photo: Path) -> ItemCard:
    picture, reason = open_picture(photo)
    return ItemCard(photo.name, "query", picture="" if picture is None else to_thumbnail(picture), note=reason)


def _hit_card(line: Mapping[str, Any], pictures: Path | None, fields: Sequence[str]) -> ItemCard:
    payload = line["payload"]
    picture, note = _picture(payload.get("image"), pictures)
    return ItemCard(
        item_id=line["item_id"],
        title=to_title(line["item_id"], payload),
        fields=to_fields(payload, fields),
        picture=picture,
        note=note,
        score=f"{line['score']:.3f}",
        contributions=tuple((name, f"{value:+.3f}") for name, value in line.get("contributions", {}).items()),
    )


def _picture(image: object, pictures: Path | None) -> tuple[str, str]:
    """Return the source of an image element, and why there is none."""
    name = str(image[0] if isinstance(image, list) and image else image or "")
    if not name:
        return "", "no picture"
    if name.startswith(_ADDRESSES):
        return name, ""
    if pictures is None:
        return "", f"{name}: name its folder with --pictures"
    picture, reason = open_picture(pictures / name)
    return ("", reason) if picture is None else (to_thumbnail(picture), "")
