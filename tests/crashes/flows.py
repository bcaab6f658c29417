"""The programs that are killed; their bodies tell a ledger outside of the store what they do."""

from __future__ import annotations

#: What every program begins with: `body` notes when a body begins and ends, and whether another
#: body of the same task runs at that moment, which holds the lock of its name.
HEAD = """
import asyncio, contextlib, ctypes, fcntl, hashlib, os, signal, time, uuid
import taskflow
from taskflow import Skip, current, pipeline, task

def note(*words):
    fd = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, ("\\t".join(map(str, words)) + "\\n").encode())
    os.fsync(fd)
    os.close(fd)

@contextlib.contextmanager
def body():
    element = "" if current.element is None else f"[{current.element}]"
    key = f"{current.task_key}{element}"
    facts = current.run_id, key, current.attempt, os.getpid(), uuid.uuid4().hex
    lock = os.open(f"locks/{hashlib.sha1(key.encode()).hexdigest()}", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("overlap", *facts)
    note("start", *facts)
    try:
        yield
    finally:
        note("end", *facts)
        os.close(lock)

"""

#: Every kind of thing that is recorded: maps, diamonds of single tasks and of elements, a skip, a
#: retry, a value in a file, an async task, a dynamic pipeline.
EVERYTHING = (
    HEAD
    + """
@task
def seed(n):
    with body():
        return list(range(n))

@task
def square(x):
    with body():
        return x * x

@task
def half(x):
    with body():
        return x // 2

@task
def third(x):
    with body():
        return x // 3

@task
def add(x, y):
    with body():
        return x + y

@task
def odd(x):
    with body():
        if x % 2 == 0:
            raise Skip("even")
        return x

@task
def large(n):
    with body():
        return bytes(range(256)) * 8192

@task
def measure(data):
    with body():
        return sum(data[::4096]) + len(data)

@task(retries=2, retry_delay=0.01)
def shaky(xs):
    with body():
        if current.attempt == 1:
            raise OSError("not at the first attempt")
        return len(xs)

@task
async def later(n):
    with body():
        await asyncio.sleep(0)
        return n + 1

@pipeline(dynamic=True)
def grow(xs):
    found = seed(2)
    for x in xs[:2]:
        found = join(found, square(x))
    return found

@task
def join(*parts):
    with body():
        return sum(map(total_of, parts))

def total_of(part):
    return sum(part) if isinstance(part, list) else part

@pipeline
def everything(n: int = 6):
    xs = seed(n)
    squares = square.map(xs)
    odds = odd.map(add.map(half.map(squares), third.map(squares)))
    size = measure(large(n))
    tried = shaky(xs)
    return join(odds, size, tried, later(tried), grow(xs))

main = everything.options(
    workers=2, executor=os.environ.get("EXECUTOR"), durability=os.environ.get("DURABILITY", "full")
)

if __name__ == "__main__":
    print(taskflow.run(main))
"""
)

#: 231 task runs: a map, diamonds of maps over it, and a row of diamonds of single tasks.
MANY = (
    HEAD
    + """
@task
def seed(n):
    with body():
        return list(range(n))

@task
def up(x):
    with body():
        return x + 1

@task
def down(x):
    with body():
        return x - 2

@task
def both(x, y):
    with body():
        return x + y

@task
def total(xs, y):
    with body():
        return sum(xs) + y

@pipeline
def many(n: int = 40):
    xs = seed(n)
    sums = both.map(up.map(xs), down.map(xs))
    y = 3
    for _ in range(9):
        y = both(up(y), down(y))
    return total(both.map(sums, up.map(sums)), y)

main = many.options(workers=2, executor=os.environ.get("EXECUTOR"))
"""
)

#: Bodies that do not end, in a way that a test chooses, before there is a file `go`.
HOLDING = (
    HEAD
    + """
@task
def hold(n):
    with body():
        if not os.path.exists("go"):
            WAY
        return n

@task
def total(xs):
    with body():
        return sum(xs)

@pipeline
def holding():
    return total(hold.map(range(2)))

main = holding.options(workers=2)
"""
)

#: One task ends the engine whenever it runs; the others are as good as any.
DEADLY = (
    HEAD
    + """
@task
def deadly():
    with body():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(100)

@task
def harmless(n):
    with body():
        return n

@pipeline
def main():
    return deadly(), harmless(1), harmless(2)
"""
)

#: One of the elements of a map does.
DEADLY_ELEMENT = (
    HEAD
    + """
@task
def work(n):
    with body():
        if n == 7:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(100)
        return n

@pipeline
def main():
    return work.map(range(20))
"""
)
