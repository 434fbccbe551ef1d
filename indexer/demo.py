"""`make demo`: from nothing to search results, with the commands a user would type, each shown before it runs."""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ITEMS = 1000
SEED = 7
_SERVER_READY_S = 120


def main() -> int:
    """Generate a catalogue, build its index, serve and query it, and stop the server."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="diptych-demo-") as folder:
        root = Path(folder)
        catalogue, store, ready = root / "catalogue", root / "store", root / "address"
        _run("indexer", "sample", str(catalogue), "--items", str(ITEMS), "--seed", str(SEED))
        _run(
            *("indexer", "build", str(catalogue / "catalog.jsonl"), "--store", str(store)),
            *("--signal", "rating", "--signal", "popularity"),
            *("--events", str(catalogue / "events.jsonl"), "--reviews", str(catalogue / "reviews.jsonl")),
        )
        image, text = _find_example(catalogue)
        shopper = _find_most_frequent(catalogue / "events.jsonl", "user_id")
        reviewed = _find_most_frequent(catalogue / "reviews.jsonl", "item_id")
        command = ["engine", "serve", "--store", str(store), "--address", "127.0.0.1:0", "--address-file", str(ready)]
        _show(command, "&")
        with subprocess.Popen(_python(command)) as server:
            try:
                address = _wait_for(ready, server)
                query = ("engine", "query", "--address", address, "--limit", "5", "--explain")
                _run(*query, "--text", text)
                _run(*query, "--image", str(image))
                _run(*query, "--image", str(image), "--change", "in red")
                _run(*query, "--text", text, "--boost", "rating=0.5")
                _run("engine", "profile", shopper, "--address", address)
                _run("engine", "recommend", shopper, "--address", address, "--limit", "8")
                _run("engine", "describe", "--image", str(image), "--address", address)
                _run("engine", "feedback", "--item", reviewed, "--address", address)
            finally:
                server.terminate()
        seconds = time.monotonic() - started
        print(f"\nThe server stopped with exit code {server.returncode}. The demo took {seconds:.0f} s.")
    return server.returncode


def _find_example(catalogue: Path) -> tuple[Path, str]:
    """Return the image of a product, and a query text for another that is not its title."""
    rows = [json.loads(line) for line in (catalogue / "catalog.jsonl").read_text().splitlines()]
    mug = next(row for row in rows if row["product_type"] == "mug")
    bicycle = next(row for row in rows if row["product_type"] == "bicycle")
    return catalogue / mug["image"], f"{bicycle['color']} {bicycle['pattern']} {bicycle['product_type']}"


def _find_most_frequent(path: Path, field: str) -> str:
    """Return the most frequent value of a field in a file, the first of several."""
    values = Counter(json.loads(line)[field] for line in path.read_text().splitlines())
    return str(values.most_common(1)[0][0])


def _wait_for(ready: Path, server: "subprocess.Popen[bytes]") -> str:
    """Return the address that the server writes when it is ready."""
    deadline = time.monotonic() + _SERVER_READY_S
    while time.monotonic() < deadline:
        if ready.exists():
            return ready.read_text().strip()
        if server.poll() is not None:
            raise SystemExit(f"the server stopped with exit code {server.returncode} before it was ready")
        time.sleep(0.1)
    raise SystemExit(f"the server was not ready within {_SERVER_READY_S} s")


def _run(*command: str) -> None:
    _show(command)
    subprocess.run(_python(command), check=True)


def _show(command: "tuple[str, ...] | list[str]", suffix: str = "") -> None:
    print(f"\n$ {shlex.join(command)} {suffix}".rstrip(), flush=True)


def _python(command: "tuple[str, ...] | list[str]") -> list[str]:
    """Return the command line that runs this command with this Python, whatever is on the PATH."""
    return [sys.executable, "-m", f"{command[0]}.cli", *command[1:]]


if __name__ == "__main__":
    sys.exit(main())
