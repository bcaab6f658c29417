"""The benchmarks run as their reader would run them; how fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ring_long  # it measures

ROOT = Path(__file__).parent.parent

WORKS = ["start-up", "fan-out", "map", "chain", "work"]


def test_the_benchmarks_give_a_complete_table_of_checked_results(tmp_path):
    """Every piece of work is done by everyone, with the right result, and shown with its ratio.

    A wrong result ends the program, so that it ends well says that all were right.
    """
    figures = tmp_path / "figures.json"
    few = ["--quick", "--rounds", "1", "--scale", "0.01", "--json", str(figures)]
    command = [sys.executable, "-m", "benchmarks", *few]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr

    found = json.loads(figures.read_text())
    runners: dict[str, list[str]] = {}
    for timing in found["timings"]:
        runners.setdefault(timing["work"].partition(":")[0], []).append(timing["runner"])
        assert timing["runner"] in result.stdout
        assert timing["note"] in result.stdout
        assert timing["median"] > 0
        assert timing["ratio"] > 0
    assert list(runners) == WORKS
    for names in runners.values():
        assert "taskflow.run" in names
        assert any(name.startswith("loky") for name in names)
        assert any(name.startswith("ProcessPoolExecutor") for name in names)
    assert [memory["tasks"] for memory in found["memory"]] == [1000, 1000, 10_000]
    assert {"cores", "python", "loky", "date"} <= found["machine"].keys()
