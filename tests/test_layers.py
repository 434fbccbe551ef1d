"""Who may import whom, and what a command must not wait for."""

import subprocess
import sys

import pytest

from tools.protos import ROOT

HEAVY = ("torch", "faiss", "grpc", "pyarrow", "transformers", "matplotlib")


def test_layers_and_homes_hold() -> None:
    """The contracts of pyproject.toml: layers, no circles, and one home each for torch, faiss and grpc."""
    # In a process of its own: it sets logging up anew, and silences the loggers of the tests that follow.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", ["engine.cli", "indexer.cli"])
def test_a_command_answers_before_anything_heavy_is_loaded(module: str) -> None:
    """`--help` answers at once: what a verb needs is imported by the verb."""
    code = f"import sys, {module}; print(*sorted({set(HEAVY)} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_there_is_no_package_below_proto() -> None:
    """A package of that name would hide other packages' `proto`."""
    assert list((ROOT / "proto").rglob("*.py")) == []
