"""What slots of width 1 promise beside the rest: order, running ahead, and exact withdrawal."""

from __future__ import annotations

import time

from driving import values_of

from taskflow.values import decode


def test_a_batch_is_run_and_reported_in_order(serial):
    """Two batches of many calls: outcomes come call by call, batch by batch."""

    def same(x):
        return x

    spec = serial.code(same)
    calls = [serial.call(same, n, spec=spec) for n in range(300)]
    serial.submit(*calls[:200])
    serial.submit(*calls[200:])
    outcomes = serial.finish()
    assert [outcome.node for outcome in outcomes] == [call.node for call in calls]
    assert [decode(outcome.value) for outcome in outcomes] == list(range(300))


def test_a_batch_runs_ahead(serial):
    """A call takes the values of earlier calls of its batch, each as a copy of its own."""

    def start():
        return [0]

    def grow(xs, more):
        xs.append(more)
        return xs

    first = serial.call(start)
    second = serial.call(grow, None, 1, slots=(0,), inputs=(first.node,))
    third = serial.call(grow, None, 2, slots=(0,), inputs=(first.node,))
    fourth = serial.call(grow, None, 3, slots=(0,), inputs=(second.node,))
    outcomes = serial.run(first, second, third, fourth)
    assert [decode(each.value) for each in outcomes] == [[0], [0, 1], [0, 2], [0, 1, 3]]


def test_what_a_failed_call_would_have_made_is_missing(serial):
    """A call that runs ahead of a failed one, or of one in another batch, reports `not_run`."""

    def fail():
        raise ValueError

    def same(x):
        return x

    first = serial.call(fail)
    second = serial.call(same, None, slots=(0,), inputs=(first.node,))
    third = serial.call(same, None, slots=(0,), inputs=(second.node,))
    states = [outcome.state for outcome in serial.run(first, second, third, serial.call(same, 1))]
    assert states == ["failed", "not_run", "not_run", "succeeded"]
    assert [outcome.state for outcome in serial.run(third)] == ["not_run"]


def test_elements_come_in_order_and_in_chunks(serial):
    """Ten thousand short elements come in few outcomes, in the order of the elements."""

    def double(x):
        return 2 * x

    outcomes = serial.run(serial.elements(double, list(range(10_000))))
    firsts = [outcome.first for outcome in outcomes]
    assert firsts == sorted(firsts)
    assert values_of(outcomes) == [2 * n for n in range(10_000)]
    assert len(outcomes) < 1000


def test_withdrawn_work_does_not_run(serial, tmp_path):
    """What `withdraw` takes back leaves no trace; all else is reported, exactly once."""
    ledger = tmp_path / "ledger"

    def work(n, path):
        with open(path, "a") as file:
            file.write(f"{n}\n")
        time.sleep(0.001)  # long enough for some to wait behind

    calls = [serial.call(work, n, str(ledger)) for n in range(40)]
    serial.submit(*calls)
    serial.until(lambda: serial.outcomes)
    taken = serial.withdraw()
    assert taken == serial.withdraw() + taken, "the second time there is nothing"
    outcomes = serial.finish()
    assert len(outcomes) == 40 - taken
    ran = [int(line) for line in ledger.read_text().split()]
    assert ran == list(range(40 - taken))


def test_an_element_call_goes_on_with_what_it_claimed(serial):
    """A withdrawal between two reports of one call loses none of the elements it had claimed."""

    def work(n):
        if n > 64:
            time.sleep(0.02)
        if n % 2:
            raise ValueError(n)
        return n

    serial.submit(serial.elements(work, list(range(200))))
    serial.until(lambda: sum(outcome.count for outcome in serial.outcomes) > 65)
    taken = serial.withdraw()
    outcomes = serial.finish()
    assert sum(outcome.count for outcome in outcomes) + taken == 200


def test_a_batch_fits_up_to_the_capacity(serial):
    """As many calls as `capacity` says can be queued at once, and taken back at once."""
    capacity = min(serial.executor.capacity(serial.slot), 200_000)
    assert capacity >= 1024

    def work(n):
        return n

    serial.submit(serial.elements(work, list(range(capacity))))
    taken = serial.withdraw()
    assert sum(outcome.count for outcome in serial.finish()) == capacity - taken
