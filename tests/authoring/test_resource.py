"""`@resource` itself: one instance, in order, outside of runs; what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest

import taskflow
from taskflow import pipeline, resource, resources, task
from taskflow.context import Context, context
from taskflow.errors import DefinitionError, ExecutorError, FutureError, TaskTimeout
from taskflow.executors.deadline import raising_timeout


@pytest.fixture(autouse=True)
def closed():
    """Leave nothing open."""
    yield
    resources.close(None)
    assert not resources.is_open(None)


@contextlib.contextmanager
def run_of(run_id):
    token = context.set(Context(run_id, ""))
    try:
        yield
    finally:
        context.reset(token)


def at_once(count, ask):
    """What `ask` gives, or raises, in so many threads that begin together."""
    together = threading.Barrier(count)
    found = []

    def body():
        together.wait()
        try:
            found.append(ask())
        except Exception as error:  # noqa: BLE001 - an answer, too
            found.append(error)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def test_it_is_made_at_first_use_and_closed_once():
    """Calls share the instance; what follows the yield runs when it is closed, and once."""
    seen = []

    @resource
    def db():
        seen.append("open")
        yield seen
        seen.append("closed")

    assert seen == []
    assert db() is db() is seen
    resources.close(None)
    resources.close(None)
    assert seen == ["open", "closed"]
    db()
    assert seen == ["open", "closed", "open"]


def test_threads_that_ask_at_once_share_one_instance():
    """32 threads that ask while it is being made wait for it, and it is made once."""
    made = []

    @resource
    def db():
        made.append(object())
        yield made[-1]

    assert set(at_once(32, db)) == set(made)
    assert len(made) == 1


def test_those_who_wait_share_a_failure_and_the_next_tries_again():
    """A failure fails whoever waited for it; it is not remembered."""
    others = threading.Semaphore(0)
    tries = []

    @resource
    def db():
        tries.append(1)
        if len(tries) == 1:
            others.acquire(timeout=0.2)  # nobody releases it: the others come meanwhile
            raise OSError("not yet")
        yield "there"

    found = at_once(8, db)
    assert {str(each) for each in found} <= {"not yet", "there"}
    assert sum(str(each) == "not yet" for each in found) >= 1
    assert len(tries) <= 2
    assert db() == "there"


def test_a_timeout_of_who_makes_it_is_not_the_others():
    """It is raised in the one whose time is over; those who wait make it themselves."""
    begun = threading.Event()
    makers = []

    @resource
    def db():
        makers.append(threading.get_ident())
        begun.set()
        while len(makers) == 1:
            pass
        yield "there"

    def impatient():
        with pytest.raises(TaskTimeout), raising_timeout(0.2):
            db()

    first = threading.Thread(target=impatient)
    first.start()
    begun.wait()
    assert at_once(3, db) == ["there"] * 3
    first.join()
    assert len(makers) == 2


def test_each_run_has_its_own_and_closes_only_its_own():
    """Runs in one process do not share; closing one leaves the others open."""

    @resource
    def db():
        yield object()

    with run_of("a"):
        of_a = db()
        assert db() is of_a
    with run_of("b"):
        of_b = db()
    assert of_a is not of_b
    assert resources.is_open("a")
    resources.close("a")
    assert not resources.is_open("a")
    with run_of("b"):
        assert db() is of_b
    resources.close("b")


def test_they_close_in_reverse_order_and_one_that_raises_stops_no_other(capsys):
    """What was needed by another is closed after it; an error is said with the resource's name."""
    seen = []

    @resource
    def pool():
        yield "pool"
        seen.append("pool")

    @resource
    def broken():
        yield pool()
        raise OSError("lost")

    @resource
    def db():
        yield broken()
        seen.append("db")

    assert db() == "pool"
    resources.close(None)
    assert seen == ["db", "pool"]
    said = capsys.readouterr().err
    assert "the resource broken could not be closed" in said
    assert "OSError: lost" in said
    assert "resources.py" not in said


def test_there_is_one_for_each_arguments():
    """However they are spelled; what cannot be told apart later is refused."""

    @resource
    def db(url, *, size=1):
        yield object()

    assert db("x") is db(url="x") is db("x", size=1)
    assert len({db("x"), db("y"), db("x", size=2), db(1), db(True)}) == 5
    with pytest.raises(DefinitionError, match=r"unhashable(.|\n)*give numbers, texts"):
        db(["x"])
    with pytest.raises(DefinitionError, match=r"db\(url, \*, size=1\): missing"):
        db()


def test_a_function_that_returns_needs_no_closing():
    """Its value is the instance, also when that is a context manager."""

    @resource
    def db():
        return sqlite3.connect(":memory:", check_same_thread=False)

    with db() as connection:
        assert connection is db()
    db().close()


def test_each_thread_has_its_own_if_asked_to_and_closes_it_itself():
    """`per="thread"` gives sqlite3 what it insists on, also at the end of the thread."""
    seen = []

    @resource(per="thread")
    def db():
        connection = sqlite3.connect(":memory:")
        yield connection
        connection.close()  # would raise in any other thread
        seen.append(threading.get_ident())

    found = at_once(5, lambda: (db().execute("select 1").fetchone(), db() is db()))
    assert set(found) == {((1,), True)}
    assert len(seen) == 5
    assert not resources.is_open(None)


def test_resources_that_need_each_other_are_an_error_and_no_deadlock():
    """Whoever asks first, and in however many threads."""

    @resource
    def one():
        yield two()

    @resource
    def two():
        yield one()

    for found in (at_once(1, one), at_once(8, lambda: (one(), two()))):
        assert {type(each) for each in found} == {DefinitionError}
        assert "need each other" in str(found[0])


def test_an_instance_can_be_closed_to_have_a_new_one():
    """After a connection broke, the next call makes another one."""
    seen = []

    @resource
    def db(name="x"):
        yield object()
        seen.append(name)

    first = db()
    db.close()
    assert seen == ["x"]
    assert db("x") is not first
    with pytest.raises(DefinitionError, match=r"write db\.close"):
        asyncio.run(db.aclose())


def test_one_that_is_closed_while_it_is_made_is_closed_after_all():
    """A run that ends meanwhile leaves nothing open."""
    seen = []

    @resource
    def db():
        resources.close(None)
        yield
        seen.append("closed")

    with pytest.raises(ExecutorError, match="run ended"):
        db()
    assert seen == ["closed"]


def test_a_resource_yields_once(capsys):
    """Never or twice is said by name."""

    @resource
    def never():
        return
        yield

    @resource
    def twice():
        yield 1
        yield 2

    @resource
    async def async_never():
        return
        yield

    with pytest.raises(DefinitionError, match="never yields never; it has to yield once"):
        never()
    with pytest.raises(DefinitionError, match="async_never yields never"):
        asyncio.run(awaiting(async_never))
    twice()
    resources.close(None)
    assert "twice yields twice" in capsys.readouterr().err


async def awaiting(ask):
    return await ask()


def test_async_ones_belong_to_a_loop_and_close_in_it_in_order():
    """Made once though many ask; closed by `aclose`, or when the loop ends, the latest first."""
    seen = []

    @resource
    async def pool():
        await asyncio.sleep(0)
        seen.append(("pool", asyncio.get_running_loop()))
        yield "pool"
        await asyncio.sleep(0)
        seen.append(("no pool", asyncio.get_running_loop()))

    @resource
    async def client():
        yield await pool()
        await asyncio.sleep(0)
        seen.append(("no client", asyncio.get_running_loop()))

    async def main(closing):
        assert set(await asyncio.gather(*(client() for _ in range(1000)))) == {"pool"}
        if closing:
            await resources.aclose(None)
            assert not resources.is_open(None)

    for closing in (True, False):
        seen.clear()
        asyncio.run(main(closing))
        assert [word for word, _ in seen] == ["pool", "no client", "no pool"]
        assert len({loop for _, loop in seen}) == 1
        assert not resources.is_open(None)


def test_an_async_one_is_opened_and_closed_by_one_task():
    """Cancel scopes and task groups insist on that; here the asker's task ends first."""
    seen = []

    @resource
    async def client():
        async with asyncio.TaskGroup() as group:
            seen.append(asyncio.current_task())
            yield group
            seen.append(asyncio.current_task())

    async def main():
        first = asyncio.create_task(client())
        await first
        assert await client() is first.result()
        await client.aclose()
        return first

    first = asyncio.run(main())
    assert seen[0] is seen[1] is not first


def test_a_cancelled_asker_does_not_spoil_it_for_the_others():
    """Who waits for an async resource may be cancelled; it is opened all the same."""
    seen = []

    @resource
    async def client():
        seen.append("open")
        await asyncio.sleep(0)
        yield "there"

    async def main():
        impatient = asyncio.create_task(client())
        patient = asyncio.create_task(client())
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient == "there"
        with pytest.raises(asyncio.CancelledError):
            await impatient

    asyncio.run(main())
    assert seen == ["open"]


def test_async_failures_are_shared_and_tried_again():
    """As those of any other resource; and circles are found."""
    tries = []

    @resource
    async def client():
        tries.append(1)
        await asyncio.sleep(0)
        if len(tries) == 1:
            raise OSError("not yet")
        yield "there"

    @resource
    async def one():
        yield await two()

    @resource
    async def two():
        yield await one()

    async def main():
        found = await asyncio.gather(*(client() for _ in range(9)), return_exceptions=True)
        assert {str(each) for each in found} == {"not yet"}
        assert await client() == "there"
        with pytest.raises(DefinitionError, match="need each other"):
            await one()

    asyncio.run(main())
    assert len(tries) == 2


@pytest.mark.parametrize("ending", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
def test_an_async_one_that_leaves_while_opening_is_opened_once_and_said_to_fail(ending):
    """Neither tried for ever nor the end of the loop: who asked gets an error that names it."""
    opened = []

    @resource
    async def leaving():
        opened.append(1)
        raise ending
        yield

    async def main():
        return await asyncio.gather(leaving(), leaving(), return_exceptions=True)

    errors = asyncio.run(main())
    assert len(opened) == 1
    assert all("leaving could not be opened" in str(error) for error in errors)


def test_an_async_one_that_raises_while_closing_is_said(capsys):
    """The others are closed all the same."""

    @resource
    async def pool():
        yield "pool"
        sys.stderr.write("pool closed\n")

    @resource
    async def client():
        yield await pool()
        raise OSError("lost")

    asyncio.run(awaiting(client))
    said = capsys.readouterr().err
    assert "the resource client could not be closed" in said
    assert said.endswith("pool closed\n")


def test_a_loop_that_waits_is_driven_to_close_what_is_open():
    """A loop that neither runs nor is closed, as between the cells of a notebook, is used."""
    seen = []

    @resource
    async def client():
        yield "there"
        seen.append("closed")

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(awaiting(client)) == "there"
    resources.close(None)
    assert seen == ["closed"]
    loop.close()


def test_an_async_one_needs_a_loop():
    """Without one the message says where to await it, and nothing is left un-awaited."""

    @resource
    async def client():
        yield 1

    with pytest.raises(DefinitionError, match=r"await client\(...\) in an `async def` task"):
        client()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (5, "plain function, not 5"),
        (int, "plain function"),
        (task(len), "plain function, not <task builtins:len>"),
        (contextlib.contextmanager(lambda: iter("x")), "leave the decorator of contextlib out"),
    ],
)
def test_what_is_no_function_is_refused(wrong, why):
    """With what to write instead."""
    with pytest.raises(DefinitionError, match=why):
        resource(wrong)


def test_wrong_options_are_refused():
    """`per` has two values, async none."""
    with pytest.raises(DefinitionError, match="write per='process' or per='thread'"):
        resource(per="core")(lambda: 1)
    with pytest.raises(DefinitionError, match="leave per= out"):

        @resource(per="thread")
        async def client():
            yield 1


@resource
def shared():
    yield object()


@task
def use(x):
    return x


def test_a_pipelines_body_is_told_to_leave_it_to_tasks():
    """Calling it there, or passing it to a task, is an error that says what to do."""

    @pipeline
    def calls():
        use(shared())

    @pipeline
    def passes():
        use({"db": shared})

    with pytest.raises(FutureError, match=r"call shared\(...\) in the tasks that use it"):
        calls()
    with pytest.raises(DefinitionError, match="leave the argument out, and call it in the task"):
        passes()


def test_it_is_pickled_by_name_and_never_with_its_instance():
    """The copy is the resource itself; what it holds stays here."""
    shared()
    assert pickle.loads(pickle.dumps(shared)) is shared


SEEN = []


@resource
def noted():
    SEEN.append("open")
    yield taskflow.current.run_id
    SEEN.append("closed")


@task
def run_of_it():
    return noted()


@pipeline
def twice():
    return [run_of_it(), run_of_it(), use(taskflow.current.run_id)]


def test_in_a_run_in_this_process_the_instance_is_the_runs():
    """Tasks of an inline run share one that is closed with the run."""
    SEEN.clear()
    assert len(set(twice())) == 1
    assert SEEN == ["open", "closed"]


def test_a_forked_child_makes_its_own_and_closes_only_that():
    """What the parent has open is not the child's to use, and not to close."""
    seen = []

    @resource
    def db():
        seen.append(os.getpid())
        yield object()
        seen.append("closed")

    mine = db()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, f"{db() is mine} {len(seen)}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"False 2"
    os.close(reading)
    os.close(writing)
    assert db() is mine


def test_at_the_end_of_python_what_is_open_is_closed(tmp_path):
    """Also that of a script's own threads, the latest first, and an async one of a dead loop."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import asyncio, threading
            from taskflow import resource

            @resource
            def a():
                yield 1
                print("a closed")

            @resource
            def b():
                try:
                    yield a()
                finally:
                    print("b closed")

            @resource
            async def c():
                yield 1
                print("c closed")

            thread = threading.Thread(target=b)
            thread.start()
            thread.join()

            async def main():
                await c()
            asyncio.run(main())
            print("end")
            """
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n")[:4], done.stderr) == (
        ["c closed", "end", "b closed", "a closed"],
        "",
    )
