"""Addresses of event databases, whose passwords are never shown."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from engine.errors import InvalidSetting

EVENTS_FILE = "events.db"
"""The events of a store without an address."""
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


def may_have_events(root: Path, address: str = "") -> bool:
    """Return whether there may be events: the store has a file of them, or there is an address."""
    return bool(address) or os.path.lexists(root / EVENTS_FILE)


def to_kind(address: str) -> str:
    """Return the kind of database, SQLITE or POSTGRESQL. Raises InvalidSetting; the message leaves out the address."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in _KINDS:
        # An address of another form may contain a password anywhere.
        raise InvalidSetting("expected sqlite:////FILE or postgresql://USER:PASSWORD@HOST/DATABASE, got something else")
    if _KINDS[scheme] == SQLITE and not rest.strip("/"):
        raise InvalidSetting("expected a file in sqlite:////FILE, got none")
    try:
        _ = urlsplit(address).port
    except ValueError as error:
        raise InvalidSetting("expected a number as the port of a database, got something else") from error
    return _KINDS[scheme]


def mask_passwords(address: str) -> str:
    """Return an address with *** in place of every password. Raises InvalidSetting if its kind is unknown."""
    return _with_secrets(address, MASK)


def drop_mask(address: str) -> str:
    """Return an address without masked passwords, so that libpq looks for them in its usual places.

    Raises InvalidSetting if its kind is unknown.
    """
    return _with_secrets(address, None) if mask_passwords(address) == address else address


def _with_secrets(address: str, secret: str | None) -> str:
    """Return an address with every secret replaced by another, or removed if that is None."""
    if to_kind(address) == SQLITE:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    hidden = f":{secret}" if colon and secret is not None else ""
    parameters = [
        (key, secret if key in _SECRETS else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key not in _SECRETS or secret is not None
    ]
    query = urlencode(parameters, safe="*/", quote_via=quote)
    return f"{parts.scheme}://{name}{hidden}{at}{host}{parts.path}{'?' if query else ''}{query}"
