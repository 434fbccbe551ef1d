"""How the server logs: one line an event on stderr, as key=value, and nothing for a call that went well."""

import logging
import sys
import time


def log_to_stderr(level: str) -> None:
    """Send what is logged to stderr from now on, time in UTC first."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("engine").setLevel(level.upper())
