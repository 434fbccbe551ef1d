"""Where events are kept, as operators write it: an address whose password is never shown."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from engine.errors import InvalidSetting

EVENTS_FILE = "events.db"
"""Where a store keeps them if no address is given."""
MASK = "***"
SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_KINDS = {
    "sqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "postgresql+psycopg": POSTGRESQL,
}
_SECRETS = frozenset({"password", "sslpassword"})


def is_known(root: Path, address: str = "") -> bool:
    """Return whether events may have been recorded: a store has a file of them, or an address is given."""
    return bool(address) or os.path.lexists(root / EVENTS_FILE)


def kind_of(address: str) -> str:
    """Return which database an address names, SQLITE or POSTGRESQL. Raises InvalidSetting, without the address."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in _KINDS:
        # What has another form may hold a password anywhere.
        raise InvalidSetting("expected sqlite:////FILE or postgresql://USER:PASSWORD@HOST/DATABASE, got something else")
    if _KINDS[scheme] == SQLITE and not rest.strip("/"):
        raise InvalidSetting("expected a file in sqlite:////FILE, got none")
    try:
        _ = urlsplit(address).port
    except ValueError as error:
        raise InvalidSetting(f"expected HOST:PORT in the address of a database, got another {MASK}") from error
    return _KINDS[scheme]


def masked(address: str) -> str:
    """Return an address with *** in place of every password."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{MASK if colon else ''}{at}{host}"
    asked = [(key, MASK if key in _SECRETS else value) for key, value in parse_qsl(parts.query, True)]
    query = urlencode(asked, safe="*/", quote_via=quote)
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def unmasked(address: str) -> str:
    """Return an address without the passwords that `masked` hid, so that libpq looks for them where it always does."""
    parts = urlsplit(address)
    netloc = parts.netloc.replace(f":{MASK}@", "@")
    asked = [(key, value) for key, value in parse_qsl(parts.query, True) if key not in _SECRETS or value != MASK]
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(asked, safe="*/", quote_via=quote), parts.fragment))
