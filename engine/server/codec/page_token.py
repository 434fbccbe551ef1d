"""Page tokens: where the next page of a search begins, sealed with the snapshot and the request that it is for.

A token holds no state of the server; any server of the same snapshot takes it. It is not a secret, only opaque.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from engine.errors import InvalidQuery
from engine.scoring.query import Page
from engine.v1 import search_pb2

# More rows than these would make a token longer than the contract lets it be; so many are never answered together
# with other queries, and so the same search finds them again.
LARGEST_SHOWN = 32

# A page costs all that come before it, and whoever reads so far wants an export and not a search.
LARGEST_OFFSET = 10_000
_LARGEST_WINDOW = 1_000

_FIELD = "page_token"


def digest(request: search_pb2.SearchRequest) -> str:
    """Return what tells a request from others, whichever page of it is asked."""
    whole = search_pb2.SearchRequest()
    whole.CopyFrom(request)
    whole.ClearField("page_size")
    whole.ClearField("page_token")
    return hashlib.blake2b(whole.SerializeToString(deterministic=True), digest_size=9).hexdigest()


def to_token(snapshot: str, digest: str, offset: int, window: int, shown: Sequence[int]) -> str:
    """Return the token of the page that begins at `offset`. window, shown: as `engine.scoring.query.Page` has them."""
    content = json.dumps([snapshot, digest, offset, window, *shown], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def to_page(token: str, snapshot: str, digest: str) -> Page:
    """Return the page that a token stands for. Raises InvalidQuery unless it is one of this snapshot and request."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        of, sealed, offset, window, *shown = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        numbers = [offset, window, *shown]
        if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
            raise ValueError(numbers)
        if not (1 <= window <= _LARGEST_WINDOW and len(shown) <= min(LARGEST_SHOWN, offset)):
            raise ValueError(numbers)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise InvalidQuery("expected the next_page_token of an answer, got something else", _FIELD) from error
    if of != snapshot:
        raise InvalidQuery(f"expected a page of snapshot {snapshot}, got one of {of}; ask for the first page", _FIELD)
    if sealed != digest:
        raise InvalidQuery("expected the request that the page before was asked with, got another", _FIELD)
    if offset > LARGEST_OFFSET:
        raise InvalidQuery(f"expected a page of the first {LARGEST_OFFSET} hits, got one from {offset} on", _FIELD)
    return Page(offset, window, tuple(shown))
