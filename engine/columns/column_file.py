"""Format of the column file of a snapshot: one Arrow record for each field.

The distinct values of a field have codes from 1: bools, numbers and texts, each kind in ascending order. A column
stores the code of each row's value in one to four bytes, so that an equality or a range takes one comparison.

If each row has at most one value, `rows` is empty and codes[i] is the code of row i, 0 for none. Otherwise the pairs
(rows[i], codes[i]) are the column, ascending by row, in payload order within a row. The codes are stored in the
narrowest of the three code lists.
"""

import pyarrow as pa

COLUMNS_FILE = "columns.arrow"
COUNT_KEY = b"rows"
NO_TIME = -(2**63)
"""Marks a text that is not a timestamp."""

WIDTHS = ("uint8", "uint16", "uint32")
SCHEMA = pa.schema(
    [
        pa.field("name", pa.large_string(), nullable=False),
        pa.field("bools", pa.list_(pa.bool_()), nullable=False),
        pa.field("numbers", pa.large_list(pa.float64()), nullable=False),
        pa.field("texts", pa.large_list(pa.large_string()), nullable=False),
        # Microseconds since 1970 of each text; empty if no text of the field is a timestamp.
        pa.field("times", pa.large_list(pa.int64()), nullable=False),
        pa.field("rows", pa.large_list(pa.uint32()), nullable=False),
        *(pa.field(width, pa.large_list(getattr(pa, width)()), nullable=False) for width in WIDTHS),
        # Whether any row has several values, and whether any row has the same value twice.
        pa.field("several", pa.bool_(), nullable=False),
        pa.field("repeated", pa.bool_(), nullable=False),
    ]
)
