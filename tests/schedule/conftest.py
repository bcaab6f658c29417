"""Nurseries: one that tests share, and others that they may end or hurry."""

from __future__ import annotations

import pytest
from nursed import Nursed, Pipe

from taskflow.schedule.nursery import Nursery


@pytest.fixture
def pipe(tmp_path):
    """A named pipe beside the folder."""
    made = Pipe(tmp_path / "pipe")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    """An empty folder of pipelines."""
    made = tmp_path / "pipelines"
    made.mkdir()
    return made


@pytest.fixture
def start_nursery():
    """Starts a nursery, and ends it with the test."""
    started = []

    def start(**options):
        started.append(Nursery(**options))
        return started[-1]

    yield start
    for nursery in started:
        nursery.close()


@pytest.fixture(scope="module")
def shared_nursery():
    """A nursery for all tests of a file: it is to bear whatever one of them does."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def nursed(folder, shared_nursery):
    """A folder and who reads it."""
    return Nursed(folder, shared_nursery)


@pytest.fixture
def hurried(folder, start_nursery):
    """A folder and who reads it, and waits a second for a file."""
    return Nursed(folder, start_nursery(limit=1.0, at_once=8))
