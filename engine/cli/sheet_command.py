"""`engine sheet`: photos and texts asked of a store or a server, and drawn with the pictures of what they find."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from engine.cli.sheet_drawing import Tile
    from engine.v1 import search_pb2

FORMATS = (".png", ".jpg", ".jpeg", ".webp")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")


class SheetQuery(NamedTuple):
    """One row of the sheet: a photo, or words."""

    photo: Path | None = None
    text: str = ""


def sheet(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos, or folders of photos: a row each.", show_default=False)
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Words: a row; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="File to draw into: .png, .jpg or .webp.")] = Path("sheet.png"),
    pictures: Annotated[
        Path, typer.Option(help="Folder of the catalogue: the items' pictures are named from there.")
    ] = Path(),
    only: Annotated[
        str | None, typer.Option("--filter", help="Which items may answer, as for `engine query`.", metavar="EXPR")
    ] = None,
    modality: Annotated[list[str] | None, typer.Option(help="image=0.3: how much a block counts.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many hits a row.")] = 10,
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
) -> None:
    """Draw photos and texts with what they find, as one picture: a row a query, its hits with rank, score and title."""
    from engine.cli.query_client import SearchOptions, to_request
    from engine.cli.query_options import to_weights
    from engine.cli.sheet_drawing import draw

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if out.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"expected a file of {', '.join(FORMATS)}, got {out.name!r}", param_hint="--out")
    queries = [SheetQuery(photo) for photo in _find_photos(photos or [])]
    queries += [SheetQuery(text=words) for words in text or []]
    if not queries:
        raise typer.BadParameter("expected a photo, a folder of photos or --text, got none of them")
    wishes = SearchOptions(modality_weights=dict(to_weights(modality, "--modality")), filter=only or "", limit=limit)
    ask = _asker(store, address or "127.0.0.1:50051", timeout_s)
    rows = []
    for query in queries:
        row = [to_query_tile(query)]
        if query.photo is None or row[0].picture is not None:
            images = [] if query.photo is None else [query.photo]
            response = ask(to_request([query.text] if query.text else [], images, [], [], wishes))
            row += [to_tile(rank, hit, pictures) for rank, hit in enumerate(response.hits, start=1)]
        rows.append(row)
    draw(rows).save(out)
    hits = [tile for row in rows for tile in row[1:]]
    typer.echo(f"{out}: {len(rows)} queries, {len(hits)} hits", err=True)
    missing = [tile.reason for tile in hits if tile.picture is None]
    if missing:
        typer.echo(f"{len(missing)} hits have no picture, such as: {missing[0]}; see --pictures", err=True)


def to_tile(rank: int, hit: "search_pb2.Hit", pictures: Path) -> "Tile":
    """Return a hit's tile: the first picture that its payload names, from the folder `pictures`."""
    from google.protobuf.json_format import MessageToDict

    from engine.cli.sheet_drawing import Tile, open_picture

    payload = MessageToDict(hit.payload)
    named = payload.get("image") or ""
    name = str(named[0]) if isinstance(named, list) else str(named)
    picture, reason = (None, "its payload names no picture") if not name else open_picture(pictures / name)
    return Tile(picture, reason, f"{rank}   {hit.score:.2f}", str(payload.get("title") or hit.item_id))


def to_query_tile(query: SheetQuery) -> "Tile":
    """Return a query's tile: its photo and the name of its file, or its words."""
    from engine.cli.sheet_drawing import Tile, open_picture

    if query.photo is None:
        return Tile(None, query.text, "query", "")
    picture, reason = open_picture(query.photo)
    return Tile(picture, reason, "query", query.photo.name)


def _find_photos(paths: Iterable[Path]) -> Iterator[Path]:
    """Give the photos, and those below folders in the order of their paths. Raises BadParameter for no file."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        elif path.is_file():
            yield path
        else:
            raise typer.BadParameter(f"expected a photo or a folder of photos, got no file {path}")


def _asker(
    store: Path | None, address: str, timeout_s: float
) -> "Callable[[search_pb2.SearchRequest], search_pb2.SearchResponse]":
    """Return what answers a request: the store, opened once for all, or the server."""
    from engine.cli.query_client import ask_server, current, open_searcher
    from engine.server.codec.search_request import to_query
    from engine.server.codec.search_response import to_response

    if store is None:
        return lambda request: ask_server(address, request, timeout_s)
    snapshot, searcher = current(store), open_searcher(store, with_models=True)

    def ask(request: "search_pb2.SearchRequest") -> "search_pb2.SearchResponse":
        query = to_query(request, snapshot)
        return to_response(request, query, searcher.search(query))

    return ask
