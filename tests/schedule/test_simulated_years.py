"""Two hundred schedules for years of simulated time: every tick is accounted for."""

from __future__ import annotations

import pytest
from simulated import Odds, World


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 25), pytest.param(2, 100, marks=pytest.mark.ring_long)]
)
def test_a_year_of_schedules_accounts_for_every_tick(seed, count):
    """Outages, clocks that jump, pauses, runs of any length: each tick ran once or says why not."""
    world = World(seed, count=count, odds=Odds(2e-3, 1e-3, 1e-2))
    world.run(1)
    ran, skipped = world.counts
    assert ran > 100 * count, seed
    assert skipped > 10 * count, seed


def test_a_simulated_year_is_a_function_of_its_seed():
    """What goes wrong goes wrong again."""
    found = []
    for _ in range(2):
        world = World(3, count=20)
        world.run(0.2)
        found.append((world.looks, world.now, world.counts))
    assert found[0] == found[1]


@pytest.mark.ring_long
@pytest.mark.timeout(600)
def test_ten_years_of_schedules_account_for_every_tick():
    """Two hundred of them, some 450,000 ticks."""
    world = World(10)
    world.run(10)
    ran, skipped = world.counts
    assert ran + skipped > 400_000
