"""Product catalogues: read row by row, validated before anything is embedded."""

from engine.catalog.coercion import JSON
from indexer.catalog.catalog_hash import catalogue_hash
from indexer.catalog.catalog_reader import own_blocks, read
from indexer.catalog.product import CatalogSpec, Product, Reject, to_lines
from indexer.catalog.row_count import count_rows

__all__ = ["JSON", "CatalogSpec", "Product", "Reject", "catalogue_hash", "count_rows", "own_blocks", "read", "to_lines"]
