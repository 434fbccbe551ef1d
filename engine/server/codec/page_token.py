"""Page tokens: where the next page of a search starts, and the snapshot and request that it belongs to.

The server keeps no state for a token; any server of the same snapshot accepts it. It is opaque, but not a secret.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from engine.errors import InvalidQuery
from engine.scoring.query import Page
from engine.v1 import search_pb2

# More rows would exceed the contract's limit for tokens. Larger pages are never searched together with other queries,
# so that the same search finds their rows again.
MAX_SHOWN_ROWS = 32

# The cost of a page includes all pages before it; deeper access is an export, not a search.
MAX_OFFSET = 10_000
_MAX_WINDOW = 1_000

_FIELD = "page_token"


def digest(request: search_pb2.SearchRequest) -> str:
    """Return a digest of a request that is the same for all of its pages."""
    whole = search_pb2.SearchRequest()
    whole.CopyFrom(request)
    whole.ClearField("page_size")
    whole.ClearField("page_token")
    return hashlib.blake2b(whole.SerializeToString(deterministic=True), digest_size=9).hexdigest()


def to_token(snapshot: str, digest: str, offset: int, window: int, shown: Sequence[int]) -> str:
    """Return the token of the page that starts at `offset`. window, shown: as in `engine.scoring.query.Page`."""
    content = json.dumps([snapshot, digest, offset, window, *shown], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def to_page(token: str, snapshot: str, digest: str) -> Page:
    """Return the page of a token. Raises InvalidQuery unless it belongs to this snapshot and request."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        token_snapshot, token_digest, offset, window, *shown = content
        numbers = [offset, window, *shown]
        if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
            raise ValueError(numbers)
        if not (1 <= window <= _MAX_WINDOW and len(shown) <= min(MAX_SHOWN_ROWS, offset)):
            raise ValueError(numbers)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise InvalidQuery("expected the next_page_token of a response, got something else", _FIELD) from error
    if token_snapshot != snapshot:
        raise InvalidQuery(
            f"expected a page of snapshot {snapshot}, got one of {token_snapshot}; start again",
            _FIELD,
        )
    if token_digest != digest:
        raise InvalidQuery("expected the request of the previous page, got another", _FIELD)
    if offset > MAX_OFFSET:
        raise InvalidQuery(f"expected a page within the first {MAX_OFFSET} hits, got one at {offset}", _FIELD)
    return Page(offset, window, tuple(shown))
