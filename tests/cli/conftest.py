"""What all tests of the command line start from."""

from __future__ import annotations

import pytest
from commands import Folder
from kept import History


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def history(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return History(tmp_path, monkeypatch, capfd)
