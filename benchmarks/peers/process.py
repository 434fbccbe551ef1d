"""Peers as processes, in our Python or in one that is set up once for them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import LoadFailed
from benchmarks.peers.worker import ONE_THREAD
from benchmarks.report import ROOT
from engine.errors import MissingDependency

GROUP = "peers"
"""Dependency group of pyproject.toml with the peers' packages."""


class PeerProcess:
    """A running worker; it carries out one order at a time."""

    def __init__(self, peer: str, process: "subprocess.Popen[str]") -> None:
        self._peer = peer
        self._process = process
        self.versions: dict[str, str] = self.order("start", peer=peer)["versions"]

    def order(self, do: str, **fields: Any) -> dict[str, Any]:
        """Return the response to an order of `worker.Worker`. Raises LoadFailed with the peer's message."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise LoadFailed("expected a worker with pipes, got none")
        stdin.write(json.dumps({"do": do, **fields}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise LoadFailed(f"{self._peer}: the worker ended with code {self._process.wait()}")
        result: dict[str, Any] = json.loads(line)
        if "error" in result:
            raise LoadFailed(f"{self._peer}: {result['error']}")
        return result


@contextmanager
def peer_process(peer: str, python: str = sys.executable, threads: bool = False) -> Iterator[PeerProcess]:
    """Start a worker with this peer; it ends with the block.

    threads: whether it may use all cores, as a build does. Library logs are shown only if it fails to start.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    if not threads:
        environment |= ONE_THREAD
    command = [python, "-m", "benchmarks.peers.worker"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    with process:
        try:
            yield PeerProcess(peer, process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def peers_python(folder: Path) -> str:
    """Return the Python with the peers' packages, set up in `folder` if it does not exist.

    Raises MissingDependency if uv is missing or cannot install them.
    """
    python = folder / "venv/bin/python"
    done = folder / "venv/.installed"
    if done.exists():
        return str(python)
    bundled = Path(sys.prefix) / "bootstrap/bin/uv"
    uv = str(bundled) if bundled.exists() else "uv"
    group = f"{ROOT / 'pyproject.toml'}:{GROUP}"
    try:
        subprocess.run(
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder / "venv"], check=True
        )
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--group", group], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingDependency(f"expected uv to install the peers' packages (group {GROUP}), got {error}") from error
    done.touch()
    return str(python)
