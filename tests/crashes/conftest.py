"""What all tests of crashes start from."""

from __future__ import annotations

import pytest
from flows import EVERYTHING
from scene import Scene


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path, EVERYTHING)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The value of the run that nobody disturbs."""
    calm = Scene(tmp_path_factory.mktemp("calm"), EVERYTHING)
    ended = calm.run(EXECUTOR="threads")
    assert ended.code == 0, ended.err
    calm.check()
    return ended.out.strip()
