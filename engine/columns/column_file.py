"""The file of a snapshot's columns: one Arrow record for each field, and what stands in it.

A field's values are numbered, from 1: the bools, numbers and texts that occur, each kind ascending. A column is then
the number of each row's value, which takes one to four bytes and answers an equality or a range by one comparison.

`rows` is empty where each row has one number, 0 for none; else the pairs (rows[i], codes[i]) are the column, ascending
by row, those of one row in the payload's order. The numbers stand in the narrowest of the three lists of codes.
"""

import pyarrow as pa

COLUMNS_FILE = "columns.arrow"
COUNT_KEY = b"rows"
NO_TIME = -(2**63)
"""Stands among times for a text that is no instant."""

WIDTHS = ("uint8", "uint16", "uint32")
SCHEMA = pa.schema(
    [
        pa.field("name", pa.large_string(), nullable=False),
        pa.field("bools", pa.list_(pa.bool_()), nullable=False),
        pa.field("numbers", pa.large_list(pa.float64()), nullable=False),
        pa.field("texts", pa.large_list(pa.large_string()), nullable=False),
        # Microseconds since 1970 for each text, nothing if no text of the field is an instant.
        pa.field("times", pa.large_list(pa.int64()), nullable=False),
        pa.field("rows", pa.large_list(pa.uint32()), nullable=False),
        *(pa.field(width, pa.large_list(getattr(pa, width)()), nullable=False) for width in WIDTHS),
        # Whether some row has several values, and whether some row has one of them twice.
        pa.field("several", pa.bool_(), nullable=False),
        pa.field("repeated", pa.bool_(), nullable=False),
    ]
)
