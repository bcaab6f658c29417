"""What all tests of faults start from."""

from __future__ import annotations

import pytest
from projects import Project


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    made.close()
