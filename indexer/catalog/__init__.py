"""Catalogues of products: what a shop has, row by row, checked before anything is embedded."""

from engine.cells import JSON
from indexer.catalog.counting import count_rows
from indexer.catalog.digest import catalogue_hash
from indexer.catalog.product import CatalogSpec, Product, Reject, to_lines
from indexer.catalog.reading import own_blocks, read

__all__ = ["JSON", "CatalogSpec", "Product", "Reject", "catalogue_hash", "count_rows", "own_blocks", "read", "to_lines"]
