"""Large values are files: complete or not there, checked when asked for, and larger than 2 GB."""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from taskflow import valuefiles, values
from taskflow.call import Stored
from taskflow.errors import ValueDamagedError, WorkerFault

ROOT = Path(__file__).parent.parent
MB = 1_000_000

LARGE = {
    "bytes": b"\x93 large" * MB,
    "bytearray": bytearray(b"large" * MB),
    "ascii": "large" * MB,
    "text": "größer als 1 MB" * 200_000,
    "dict": {"page": b"x" * 5 * MB, "urls": ["a", "b"] * 1000},
    "list": list(range(500_000)),
    "number": 1 << 30 * MB,
    "main": ["in __main__"] * MB,
}


@pytest.fixture
def stored(tmp_path):
    """A large value in a file, which is sealed as it is before a row names it."""
    made = values.encode(b"value" * MB, str(tmp_path))
    assert isinstance(made, Stored)
    valuefiles.seal(made.path)
    return made


def _flip(stored, at):
    with open(stored.path, "r+b") as file:
        file.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_value_comes_back_from_its_file(kind, tmp_path):
    """Equal, of its own type, and without damage."""
    made = values.encode(LARGE[kind], str(tmp_path))
    assert isinstance(made, Stored)
    assert valuefiles.verify(made) == ""
    back = values.decode(made._replace(check=True))
    assert type(back) is type(LARGE[kind])
    assert back == LARGE[kind]


def test_large_elements_of_a_map_have_files_of_their_own(tmp_path):
    """Small ones around them share chunks; all come back in order."""
    elements = [{"n": 1}, {"n": 2}, {"page": b"p" * 2 * MB}, {"n": 3}, np.arange(MB), {"n": 4}]
    pieces = values.encode_each(elements, str(tmp_path))
    assert [piece.count for piece in pieces] == [2, 1, 1, 1, 1]
    back = [each for piece in pieces for each in values.decode_piece(piece)]
    assert (back.pop(4) == elements.pop(4)).all()
    assert back == elements
    assert len(list(tmp_path.iterdir())) == 2


def test_arrays_are_mapped_for_each_reader_alone(tmp_path):
    """What one writes into its array no other sees, nor does the file."""
    made = values.encode({"a": np.zeros(MB), "b": np.ones(MB)}, str(tmp_path))
    one, other = values.decode(made), values.decode(made)
    one["a"][:] = 7
    assert not other["a"].any()
    assert other["b"].all()
    assert valuefiles.verify(made) == ""


def test_a_class_of_the_script_travels_in_a_large_value(tmp_path, monkeypatch):
    """Plain pickle has begun the file when it meets the class: the file is begun once more."""
    script = sys.modules["__main__"]
    mine = type("Mine", (), {"__module__": "__main__"})
    monkeypatch.setattr(script, "Mine", mine, raising=False)
    made = values.encode([b"x" * 2 * MB, mine()], str(tmp_path))
    monkeypatch.delattr(script, "Mine")
    assert type(values.decode(made)[1]).__name__ == "Mine"
    assert [str(path) for path in tmp_path.iterdir()] == [made.path]


def test_files_are_private_and_no_two_share_a_name(tmp_path):
    """Also when another process of the same number writes into the same folder later."""
    made = {values.encode(b"x" * 2 * MB, str(tmp_path)).path for _ in range(50)}
    assert len(made) == 50
    assert {os.stat(path).st_mode & 0o777 for path in made} == {0o600}
    assert str(os.getpid()) not in {Path(path).name.split("-")[0] for path in made}


def test_what_cannot_be_pickled_leaves_no_file(tmp_path):
    """A lock behind two megabytes of text is found when half of the file is written."""
    with pytest.raises(TypeError, match="lock"):
        values.encode([b"x" * 2 * MB, threading.Lock()], str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_file(tmp_path):
    """It is the worker's fault and no task's; the message says where there is no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MB, hard))
    try:
        with pytest.raises(WorkerFault, match="free some space there") as raised:
            values.encode({"page": b"x" * 5 * MB}, str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0, 7, 8, 16, 3 * MB, -1, -9, -12])
def test_a_flipped_bit_is_found(at, stored):
    """In the head, in the value, in the lengths: `verify` tells, and a checked load refuses."""
    _flip(stored, at)
    assert valuefiles.verify(stored) != ""
    with pytest.raises(ValueDamagedError, match="--repair") as raised:
        values.decode(stored._replace(check=True))
    assert stored.path in str(raised.value)


@pytest.mark.parametrize("left", [0, 1, 15, 16, 1000, -1])
def test_a_file_that_was_cut_short_is_found(left, stored):
    """Whoever loads it is told, also without a check."""
    os.truncate(stored.path, left if left >= 0 else stored.size + left)
    assert "bytes in place of" in valuefiles.verify(stored)
    with pytest.raises(ValueDamagedError, match="bytes in place of"):
        values.decode(stored)


def test_a_file_that_is_gone_is_told_apart(stored):
    """In the run that has written it somebody cleaned up; later it is damage, to be repaired."""
    os.remove(stored.path)
    assert "No such file" in valuefiles.verify(stored)
    with pytest.raises(ValueDamagedError, match="No such file"):
        values.decode(stored._replace(check=True))
    with pytest.raises(WorkerFault, match="leave the folder of a run alone"):
        values.decode(stored)


def test_a_seal_is_never_renewed(stored):
    """A run that takes a value of another one seals it again: what was damaged since stays so."""
    _flip(stored, 3 * MB)
    valuefiles.seal(stored.path)
    assert valuefiles.verify(stored) == "its bytes are not those that were written"


def test_a_file_without_a_seal_is_whole_if_its_lengths_are(tmp_path):
    """Of what need not outlive a power failure nobody made a sum."""
    made = values.encode(b"value" * MB, str(tmp_path))
    assert values.decode(made._replace(check=True)) == b"value" * MB
    os.truncate(made.path, made.size - 1)
    assert "bytes in place of" in valuefiles.verify(made)


def test_a_file_is_checked_once_in_a_process(stored):
    """A thousand elements that take the same table do not read all of it a thousand times."""
    checked = stored._replace(check=True)
    assert values.decode(checked) == b"value" * MB
    _flip(stored, 3 * MB)
    assert values.decode(checked) != b"value" * MB  # no error: it was good at first


# --- more than 2 GB -------------------------------------------------------------------------------

_HEAD = """
    import json, os, pickle, re, sys, zlib
    import numpy as np
    from taskflow import values

    def peak():
        status = open("/proc/self/status").read()
        return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024
"""
_WRITE = """
    value = eval(sys.argv[1])
    before = peak()
    made = values.encode(value, sys.argv[2])
    print(json.dumps([*made, before, peak(), zlib.crc32(value)]))
"""
_READ = """
    value = values.decode(values.Stored(*json.loads(sys.argv[1])))
    print(json.dumps([len(value), peak(), zlib.crc32(value)]))
"""
_PIPELINE = """
    from taskflow import pipeline, task, run

    @task
    def make():
        return b"0123456789" * 60_000_000

    @task
    def look(value, n):
        return len(value)

    @pipeline
    def p():
        value = make()
        return [look(value, n) for n in range(3)]

    if __name__ == "__main__":
        print(json.dumps([run(p.options(workers=1, progress=False)), peak()]))
"""


def _program(folder, body, *args):
    path = folder / "program.py"
    path.write_text(textwrap.dedent(_HEAD) + textwrap.dedent(body))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, str(path), *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.ring_memory
@pytest.mark.parametrize(
    ("made", "size"),
    [
        ("b'0123456789' * 220_000_000", 2_200_000_000),
        ("np.arange(275_000_000.)", 2_200_000_000),
    ],
)
def test_a_value_of_more_than_2_gb_is_written_without_a_copy(made, size, tmp_path):
    """Another process reads it back equal: bytes with one copy, an array with none but the map.

    It is longer than a signed number of 32 bits can say, and than one `write` of Linux takes.
    """
    assert size > 2**31
    path, length, _, before, after, written = _program(tmp_path, _WRITE, made, str(tmp_path))
    assert length > size
    assert after - before < size * 0.05
    _, peak, read = _program(tmp_path, _READ, json.dumps([path, length, True]))
    assert read == written
    assert peak < 2.1 * size
    os.remove(path)


@pytest.mark.ring_memory
def test_the_engine_never_holds_a_large_value(tmp_path):
    """Three tasks take 600 MB that another has made; the engine's process stays as it was."""
    lengths, peak = _program(tmp_path, _PIPELINE)
    assert lengths == [600 * MB] * 3
    assert peak < 200 * MB


def test_a_small_value_is_no_file(tmp_path):
    """Below 1 MB it is the pickled bytes themselves."""
    made = values.encode({"n": 1}, str(tmp_path))
    assert pickle.loads(made) == {"n": 1}
    assert list(tmp_path.iterdir()) == []
