"""A generated demo catalogue: drawn products with text, prices, reviews and shoppers' events."""

from indexer.sample.sample_catalog import SampleSummary, contact_sheet, write

__all__ = ["SampleSummary", "contact_sheet", "write"]
