"""A temporary PostgreSQL cluster, from the binaries that Debian installs."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import MissingDependency

_USER = "shop"
_DATABASE = "postgres"
_ACCOUNT = "postgres"
"""User of the server if we are root, which PostgreSQL refuses to run as."""


def binaries() -> Path:
    """Return the folder of initdb and pg_ctl, of the newest version. Raises MissingDependency."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise MissingDependency("a temporary database needs PostgreSQL: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


@contextmanager
def cluster(durable: bool = True) -> Iterator[str]:
    """Start a cluster with an empty database on a private socket, and yield its address with the password.

    durable: False turns fsync off. Raises MissingDependency, subprocess.CalledProcessError.
    """
    programs = binaries()
    root = Path(tempfile.mkdtemp(prefix="diptych-pg-"))
    password = secrets.token_hex(12)
    try:
        word = root / "password"
        word.write_text(password)
        if os.geteuid() == 0:
            shutil.chown(root, _ACCOUNT)
            shutil.chown(word, _ACCOUNT)
        data = root / "data"
        _run(
            programs / "initdb", "-D", data, "-U", _USER, f"--pwfile={word}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip
        fsync = "on" if durable else "off"
        options = f"-c listen_addresses='' -c unix_socket_directories='{root}' -c fsync={fsync}"
        _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", root / "log", "-w", "start")
        try:
            yield f"postgresql://{_USER}:{password}@/{_DATABASE}?host={root}"
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", _ACCOUNT, "--", *words]
    # Not a pipe: the server inherits it, so it would stay open as long as the server runs.
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
