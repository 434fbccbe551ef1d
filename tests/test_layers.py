"""Who may import whom, and what a command must not wait for."""

import importlib.util
import subprocess
import sys

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tools.protos import ROOT

HEAVY = ("torch", "faiss", "grpc", "pyarrow", "transformers", "matplotlib")


def test_layers_and_homes_hold(capsys: pytest.CaptureFixture[str]) -> None:
    """The contracts of pyproject.toml: layers, no circles, and one home each for torch, faiss and grpc."""
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("module", ["engine.cli", "indexer.cli"])
def test_a_command_answers_before_anything_heavy_is_loaded(module: str) -> None:
    """`--help` answers at once: what a verb needs is imported by the verb."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not there yet")
    code = f"import sys, {module}; print(*sorted({set(HEAVY)} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_there_is_no_package_below_proto() -> None:
    """A package of that name would hide other packages' `proto`."""
    assert list((ROOT / "proto").rglob("*.py")) == []
