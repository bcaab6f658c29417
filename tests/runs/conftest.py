"""What all tests of whole programs start from."""

from __future__ import annotations

import pytest
from programs import Program


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)
