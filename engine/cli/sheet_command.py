"""`engine sheet`: photos and texts as queries, drawn with the pictures of their hits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from engine.cli.shared_options import (
    DEFAULT_ADDRESS,
    OUTPUT,
    AddressOption,
    FilterOption,
    ModalityOption,
    StoreOption,
    TimeoutOption,
    check_store_or_address,
)

if TYPE_CHECKING:
    from engine.cli.query_request import SearchOptions
    from engine.cli.sheet_drawing import Tile
    from engine.v1 import search_pb2

    Search = Callable[[search_pb2.SearchRequest], search_pb2.SearchResponse]

FORMATS = (".png", ".jpg", ".jpeg", ".webp")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
QUERY = "Query"


class SheetQuery(NamedTuple):
    """The query of one row: a photo or a text."""

    photo: Path | None = None
    text: str = ""


def sheet(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos or folders of photos, one row each.", show_default=False)
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Query text, one row. Repeatable.", rich_help_panel=QUERY)
    ] = None,
    modality: ModalityOption = None,
    expression: FilterOption = None,
    out: Annotated[Path, typer.Option(help="Image file to write: .png, .jpg or .webp.", rich_help_panel=OUTPUT)] = Path(
        "sheet.png"
    ),
    pictures: Annotated[
        Path,
        typer.Option(
            help="Folder of the catalogue, which the items' image paths are relative to.", rich_help_panel=OUTPUT
        ),
    ] = Path(),
    limit: Annotated[
        int, typer.Option(min=1, max=50, help="Maximum number of hits in a row.", rich_help_panel=OUTPUT)
    ] = 10,
    store: StoreOption = None,
    address: AddressOption = None,
    timeout_s: TimeoutOption = 30.0,
) -> None:
    """Draw photo and text queries with their hits as one image: a row for each query, with ranks, scores and titles."""
    from engine.cli.option_values import to_weights
    from engine.cli.query_request import SearchOptions
    from engine.cli.sheet_drawing import draw

    check_store_or_address(store, address)
    if out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"expected a file of {', '.join(FORMATS)}, got {out.name!r}", param_hint="--out")
    queries = [SheetQuery(photo) for photo in _find_photos(photos or [])]
    queries += [SheetQuery(text=query_text) for query_text in text or []]
    if not queries:
        raise typer.BadParameter("expected a photo, a folder of photos or --text, got none of them")
    weights = dict(to_weights(modality, "--modality"))
    options = SearchOptions(modality_weights=weights, filter=expression or "", limit=limit)
    search = _open_search(store, address or DEFAULT_ADDRESS, timeout_s)
    rows = [_to_row(query, search, options, pictures) for query in queries]
    draw(rows).save(out)
    hits = [tile for row in rows for tile in row[1:]]
    typer.echo(f"{out}: {len(rows)} queries, {len(hits)} hits", err=True)
    missing = [tile.reason for tile in hits if tile.picture is None]
    if missing:
        typer.echo(f"{len(missing)} hits have no picture, such as: {missing[0]}; see --pictures", err=True)


def to_tile(rank: int, hit: "search_pb2.Hit", pictures: Path) -> "Tile":
    """Return the tile of a hit, with the first picture of its payload.

    Args:
        rank: Rank of the hit, counted from 1.
        hit: The hit.
        pictures: Folder that the paths in the payload are relative to.
    """
    from google.protobuf.json_format import MessageToDict

    from engine.cli.sheet_drawing import Tile, open_picture

    payload = MessageToDict(hit.payload)
    image = payload.get("image") or ""
    name = str(image[0]) if isinstance(image, list) else str(image)
    picture, reason = open_picture(pictures / name) if name else (None, "its payload names no picture")
    return Tile(picture, reason, f"{rank}   {hit.score:.2f}", str(payload.get("title") or hit.item_id))


def to_query_tile(query: SheetQuery) -> "Tile":
    """Return the tile of a query: its photo with the file name, or its text."""
    from engine.cli.sheet_drawing import Tile, open_picture

    if query.photo is None:
        return Tile(None, query.text, "query", "")
    picture, reason = open_picture(query.photo)
    return Tile(picture, reason, "query", query.photo.name)


def _to_row(query: SheetQuery, search: "Search", options: "SearchOptions", pictures: Path) -> "Sequence[Tile]":
    """Return the tiles of a query and its hits. A photo that cannot be read has no hits."""
    from engine.cli.query_request import to_request

    first = to_query_tile(query)
    if query.photo is not None and first.picture is None:
        return [first]
    images = [] if query.photo is None else [query.photo]
    response = search(to_request([query.text] if query.text else [], images, [], [], options))
    return [first, *(to_tile(rank, hit, pictures) for rank, hit in enumerate(response.hits, start=1))]


def _find_photos(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the photos, those in folders ordered by path. Raises BadParameter for a missing file."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        elif path.is_file():
            yield path
        else:
            raise typer.BadParameter(f"expected a photo or a folder of photos, got no file {path}")


def _open_search(store: Path | None, address: str, timeout_s: float) -> "Search":
    """Return the function that answers requests: from a store, opened once, or from a server."""
    from engine.cli.rpc_call import call
    from engine.search.store_searcher import open_searcher
    from engine.server.codec.search_request import to_query
    from engine.server.codec.search_response import to_response

    if store is None:
        return lambda request: call(address, "engine.v1.SearchService/Search", request, timeout_s)
    searcher = open_searcher(store, device="auto")

    def search(request: "search_pb2.SearchRequest") -> "search_pb2.SearchResponse":
        query = to_query(request, searcher.snapshot.name)
        return to_response(request, query, searcher.search(query))

    return search
