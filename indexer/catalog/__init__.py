"""Product catalogues: read row by row, validated before anything is embedded."""

from engine.catalog.coercion import JSON
from indexer.catalog.catalog_hash import catalogue_hash
from indexer.catalog.catalogue import Catalogue, open_catalogue, read
from indexer.catalog.product import BadCell, CatalogSpec, Product, ReadOptions, Reject, to_lines
from indexer.catalog.row_count import count_rows

__all__ = [
    "JSON",
    "BadCell",
    "CatalogSpec",
    "Catalogue",
    "Product",
    "ReadOptions",
    "Reject",
    "catalogue_hash",
    "count_rows",
    "open_catalogue",
    "read",
    "to_lines",
]
