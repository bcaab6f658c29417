"""Files that break when they are imported: each is an error of its own, and of no other."""

from __future__ import annotations

import os
import sys

import pytest

from taskflow.schedule.folder import Folder, digest_of

GOOD = """\
from taskflow import pipeline

@pipeline
def good():
    pass
"""
SPIN = "while True: pass\n"
STUBBORN = """\
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException:
        pass
"""

BROKEN = {
    "half a file": ("from taskflow import pipeline\n@pipeline\ndef rep", "SyntaxError"),
    "a wrong indent": ("def f():\nreturn 1\n", "IndentationError"),
    "bytes": ("x = '\0'\n", "null bytes"),
    "raises": ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division by zero"),
    "leaves": ("import sys\nsys.exit('no config')\n", 'if __name__ == "__main__":'),
    "interrupts": ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    "is nested too deep": (f"x = {'(' * 999}{')' * 999}\n", "cannot be imported"),
    "is nested deeper": (f"x = {'-' * 99_999}1\n", "cannot be imported"),
    "recurses": ("def f(): f()\nf()\n", "RecursionError"),
    "leaves at once": ("import os\nos._exit(3)\n", "its import ended the process: exit code 3"),
    "leaves well": ("import os\nos._exit(0)\n", "its import ended the process: exit code 0"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", "SIGSEGV: segmentation fault in C code"),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)\n", "SIGKILL: killed from outside"),
    "closes all": ("import os\nos.closerange(0, 9999)\n", "closed files that were not its own"),
    "asks": ("input('Name? ')\n", "EOFError"),
    "no such module": ("import nosuchmodule\n", "No module named 'nosuchmodule'"),
    "a body that raises": (GOOD.replace("pass", "1 / 0"), "good: its body raises"),
    "twice": (GOOD + GOOD, "'good' is defined twice, in lines 4 and 9"),
    "one name": (
        GOOD + "@pipeline(name='good')\ndef better(): pass\n",
        'give one of them a name of its own: name="better"',
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_told(nursed, case):
    """In the words that a person needs; its digest is known, and its neighbour is read."""
    text, told = BROKEN[case]
    broken, good = nursed.write("report.py", text), nursed.write("good.py", GOOD)
    reading, neighbour = nursed.read(broken, good)
    assert told in reading.error
    assert "report.py" in reading.error or "good" in reading.error
    assert (reading.deployed, reading.digest) == ((), digest_of(broken))
    assert (neighbour.error, [each.name for each in neighbour.deployed]) == ("", ["good"])


def test_a_traceback_has_the_lines_of_the_file_only(nursed):
    """Not those of taskflow, nor those of Python's import."""
    error = nursed.of("def f():\n    return 1 / 0\nf()\n").error
    assert error.count('  File "') == error.count('report.py", line') == 2
    crash = nursed.of("import ctypes\nctypes.string_at(0)\n").error
    frames = [line for line in crash.splitlines() if line.startswith('  File "')]
    assert len(frames) == 1
    assert 'report.py", line 2' in frames[0]


def test_files_that_hang_are_ended_at_the_limit(hurried):
    """Whatever signals they ignore; meanwhile another is read, and each is told with its remedy."""
    hanging = [hurried.write("spin.py", SPIN), hurried.write("stubborn.py", STUBBORN)]
    hanging.append(hurried.write("helped.py", "import _slow\n"))
    helper = hurried.write("_slow.py", SPIN)
    *hung, good = hurried.read(*hanging, hurried.write("good.py", GOOD))
    assert not good.error
    for reading in hung:
        assert "its import took longer than 1 s; move what takes so long" in reading.error
        assert reading.digest == digest_of(reading.file)
    assert hung[2].parts[helper] == digest_of(helper)


def test_a_package_that_hangs_is_known_as_what_its_files_need(hurried):
    """They are due again when it is repaired."""
    package = hurried.write("flows/__init__.py", SPIN)
    reading = hurried.read(hurried.write("flows/good.py", GOOD))
    assert "took longer" in reading.error
    assert reading.parts[package] == digest_of(package)


def test_a_file_may_start_what_it_likes(nursed, pipe):
    """A thread that goes on, or a process that it forked, ends with its reading."""
    threads = f"import threading\nthreading.Thread(target=lambda: exec({SPIN!r})).start()\n"
    assert nursed.of(GOOD + threads).deployed
    # Opened before the fork: a child that is ended before it has opened a pipe closes none.
    fork = f"import os\nheld = open({pipe.path!r}, 'w')\nif not os.fork():\n    {SPIN}"
    assert nursed.of(GOOD + fork).deployed
    assert pipe.next() == b""
    both = "import os\nos.fork()\n"
    assert [each.name for each in nursed.of(GOOD + both).deployed] == ["good"]


def test_of_what_a_file_prints_the_end_is_told_with_its_error(nursed):
    """Ten megabytes are as good as a line, and without an error nobody hears of them."""
    flood = "print('x' * 10_000_000)\nprint('the end')\n"
    error = nursed.of(flood + "1 / 0\n").error
    assert "ZeroDivisionError" in error
    assert error.endswith("xxx\nthe end")
    assert len(error) < 6000
    assert nursed.of(GOOD + flood).error == ""
    assert nursed.of("import os\nos.write(2, b'last words')\nos._exit(1)\n").error.endswith(
        "what it wrote last:\nlast words"
    )


def test_a_child_that_talks_nonsense_is_an_error(nursed):
    """What code of users writes into our pipe runs nothing, and is no reading."""
    spam = """\
    import os
    for fd in range(3, 20):
        try:
            os.write(fd, {nonsense!r})
        except OSError:
            continue
    """
    for nonsense in (b"\xff" * 64, b"\0" * 7 + b"\1\xc1", b"\0" * 7 + b"\3\x92\xa1t\x01"):
        assert "a pipe that is not its own" in nursed.of(spam.format(nonsense=nonsense)).error
    assert nursed.of(GOOD).deployed


def test_a_half_written_file_is_read_when_it_is_whole(nursed):
    """Its error lasts until the folder sees the rest."""
    folder = Folder(str(nursed.folder), lambda: 0.0 if not nursed.nursery.waiting else 1.0)
    half = nursed.of(GOOD[:40])
    assert half.error
    folder.knows(half.file, half.parts)
    nursed.write("report.py", GOOD)
    (due,) = folder.look().added_or_changed
    whole = nursed.read(due)
    folder.knows(due, whole.parts)
    assert whole.deployed
    assert folder.look().added_or_changed == []


def test_what_is_digested_is_what_was_imported(nursed):
    """A file that changes while it is imported is due again, though it was read without error."""
    text = GOOD + "open(__file__, 'a').write('# changed')\n"
    reading = nursed.of(text)
    assert reading.deployed
    assert reading.sources["report"].text == text.encode()
    assert reading.digest != digest_of(reading.file)
    folder = Folder(str(nursed.folder))
    folder.knows(reading.file, reading.parts)
    assert folder.look().added_or_changed == [reading.file]


def test_an_edit_of_a_helper_counts_though_its_bytecode_says_otherwise(nursed):
    """Bytecode tells its age in seconds; two edits of one second would be one."""
    helper = nursed.write("_names.py", "NAME = 'aaa'\n")
    text = (
        "from taskflow import pipeline\nfrom _names import NAME\npipeline(name=NAME)(lambda: 0)\n"
    )
    text = text.replace("pipeline(", "p = pipeline(", 1)
    before = os.stat(helper)
    names = []
    for name in ("aaa", "bbb"):
        nursed.write("_names.py", f"NAME = {name!r}\n")
        os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))
        names += [each.name for each in nursed.of(text).deployed]
    assert names == ["aaa", "bbb"]
    assert not (nursed.folder / "__pycache__").exists()


def test_a_module_that_is_missed_is_known_by_where_it_could_be(nursed):
    """So the file is due when the module comes."""
    reading = nursed.of("import _later\n")
    assert "No module named '_later'" in reading.error
    folder = Folder(str(nursed.folder))
    folder.knows(reading.file, reading.parts)
    assert folder.look().added_or_changed == []
    nursed.write("_later.py", "")
    assert folder.look().added_or_changed == [reading.file]


@pytest.mark.skipif(sys.platform == "darwin", reason="there, names of files are UTF-8")
def test_a_file_whose_name_is_no_utf8_is_an_error(nursed):
    """Its name would be that of a module; the error, and its path, come through."""
    path = os.fsdecode(os.path.join(os.fsencode(nursed.folder), b"caf\xe9.py"))
    with open(path, "w", encoding="ascii") as file:
        file.write(GOOD)
    reading = nursed.read(path)
    assert (reading.file, reading.deployed) == (path, ())
    assert "has to be UTF-8, and this is not; rename the file" in reading.error


def test_a_file_that_is_gone_is_an_error(nursed):
    """It was deleted between the look and the reading."""
    reading = nursed.read(str(nursed.folder / "gone.py"))
    assert "there is no file" in reading.error
    assert reading.digest == ""
