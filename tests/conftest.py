"""What all tests start from."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from hypothesis import settings

# Runs of tests are kept by none but those that say so, also in the programs that they start.
os.environ["TASKFLOW_STORE"] = "memory:"

# Whatever a shell starts in the background ignores Ctrl-C, and so do its children: the programs
# that tests interrupt would never hear of it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A drawn case that takes long on a busy machine has not failed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
settings.register_profile("default ring", max_examples=25, deadline=None)


@pytest.fixture(autouse=True)
def _stores_are_closed():
    """A store holds some files open as long as its process lives; the tests are one process."""
    yield
    store = sys.modules.get("taskflow.store")
    if store is not None:
        store.close_all()


@pytest.fixture(autouse=True)
def _workers_are_ended():
    """Workers without work wait for the next run of their process, which is another test's."""
    yield
    warm = sys.modules.get("taskflow.executors.warm")
    if warm is not None:
        warm.end_all()


def pytest_configure(config):
    """Search less where not all tests are asked for (`-m ""`)."""
    if config.option.markexpr:
        settings.load_profile("default ring")
