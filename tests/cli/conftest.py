"""What all tests of the command line start from."""

from __future__ import annotations

import pytest
from commands import Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
