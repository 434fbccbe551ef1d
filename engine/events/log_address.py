"""Where events are kept, as operators write it: an address whose password is never shown."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

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
        raise InvalidSetting("expected a number for the port of a database, got something else") from error
    return _KINDS[scheme]


def masked(address: str) -> str:
    """Return an address with *** in place of every password. Raises InvalidSetting if it is of no known kind."""
    return _with_secrets(address, MASK)


def unmasked(address: str) -> str:
    """Return an address without passwords that `masked` hid, which libpq then looks for where it always does.

    Raises InvalidSetting if it is of no known kind.
    """
    return _with_secrets(address, None) if masked(address) == address else address


def _with_secrets(address: str, secret: str | None) -> str:
    """Return an address with another secret in place of every one, or without any."""
    if kind_of(address) == SQLITE:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    hidden = f":{secret}" if colon and secret is not None else ""
    asked = [
        (key, secret if key in _SECRETS else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key not in _SECRETS or secret is not None
    ]
    query = urlencode(asked, safe="*/", quote_via=quote)
    return f"{parts.scheme}://{name}{hidden}{at}{host}{parts.path}{'?' if query else ''}{query}"
