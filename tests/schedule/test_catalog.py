"""What a store knows of a folder, as the files in it come, change and go."""

from __future__ import annotations

import os
import select

import pytest

from taskflow.errors import StoreFullError
from taskflow.planned import Deployed
from taskflow.schedule.around import Around
from taskflow.schedule.catalog import Catalog
from taskflow.schedule.folder import Folder
from taskflow.schedule.messages import Reading
from taskflow.schedule.orders import RunOrder, decoded
from taskflow.store.owners import me
from taskflow.store.places import place_of
from taskflow.store.sqlite import SqliteStore
from taskflow.world import SystemClock

CODE = "from taskflow import pipeline\n@pipeline(name={!r})\ndef p():\n    pass\n"


class Looked:
    """A catalog of a folder, its store, and what it says."""

    def __init__(self, folder, nursery, store):
        self.folder, self.nursery, self.store, self.said = folder, nursery, store, []
        self.pace = 0.0
        self.catalog = self.anew()

    def anew(self):
        """A catalog as a service has it that has just begun."""
        say = lambda *words, **details: self.said.append((*words, details))
        path = str(self.folder)
        around = Around(self.store, path, self.nursery, say, SystemClock(), me(0.0))
        return Catalog(around, Folder(path, self._clock))

    def _clock(self):
        self.pace += 10.0  # a file is read as often as it changes
        return self.pace

    def write(self, name, pipeline):
        """Write a file with a pipeline, whole at once."""
        (self.folder / f"{name}.part").write_text(CODE.format(pipeline))
        os.rename(self.folder / f"{name}.part", self.folder / name)
        return self

    def errors(self):
        """What is wrong with the files, by name."""
        rows = self.store.book.files(str(self.folder))
        return {os.path.basename(row.path): row.error for row in rows if row.error}

    def look(self):
        """Look, and take what was read, until nothing is."""
        self.catalog.look()
        while self.nursery.waiting:
            select.select([self.nursery], [], [], 60)
            for reading in self.nursery.receive():
                self.catalog.take(reading)
            if not self.nursery.waiting:
                self.catalog.look()
        return self.known()

    def known(self):
        """The pipelines that there are, and the files that they are in."""
        rows = [row for row in self.store.book.pipelines() if not row.is_gone]
        return {row.deployed.name: os.path.basename(row.deployed.file) for row in rows}


@pytest.fixture
def looked(folder, shared_nursery, tmp_path):
    """A catalog of an empty folder."""
    store = SqliteStore(place_of(f"sqlite:///{tmp_path}/kept/"))
    yield Looked(folder, shared_nursery, store)
    store.close()


@pytest.mark.parametrize("is_anew", [False, True])
def test_a_file_that_was_refused_comes_up_when_the_name_is_free(looked, is_anew):
    """The other one was deleted; or that happened while no service was there."""
    assert looked.write("one.py", "p").look() == {"p": "one.py"}
    assert looked.write("two.py", "p").look() == {"p": "one.py"}
    assert list(looked.errors()) == ["two.py"]
    (looked.folder / "one.py").unlink()
    if is_anew:
        looked.catalog = looked.anew()
    assert looked.look() == {"p": "two.py"}
    assert looked.errors() == {}


def test_of_two_files_with_one_name_the_first_keeps_it(looked):
    """The other is an error that names both; a third with a name of its own is not concerned."""
    looked.write("first.py", "p").look()
    known = looked.write("second.py", "p").write("third.py", "q").look()
    assert known == {"p": "first.py", "q": "third.py"}
    (told,) = looked.errors().values()
    first = looked.folder / "first.py"
    assert told == (
        f"'p' is defined in {first} already; give it another name here, such as name=\"p_2\""
    )
    assert looked.write("second.py", "p_2").look().keys() == {"p", "p_2", "q"}


@pytest.fixture
def other(looked, tmp_path):
    """A catalog of another folder, on the same store."""
    made = Looked(tmp_path / "other", looked.nursery, looked.store)
    made.folder.mkdir()
    return made


def serve(looked):
    """A service looks after the folder."""
    looked.store.book.serve(str(looked.folder), me(0.0), lambda _: True)


def test_a_name_belongs_to_one_folder_that_is_served(looked, other):
    """Another one does not get it while the first is started again, and may have it afterwards."""
    looked.write("one.py", "p").look()
    serve(looked)
    assert other.write("two.py", "p").look() == {"p": "one.py"}
    assert "in a folder that is served with the same store" in other.errors()["two.py"]
    looked.store.book.leave(me(0.0))
    assert other.look() == {"p": "one.py"}
    other.catalog = other.anew()
    assert other.look() == {"p": "two.py"}
    assert other.errors() == {}


def test_a_name_is_free_once_the_file_of_another_folder_is_gone(looked, other):
    """Also if nobody looks after that folder any more."""
    looked.write("one.py", "p").look()
    serve(looked)
    other.write("two.py", "p").look()
    (looked.folder / "one.py").unlink()
    looked.look()
    assert other.look() == {"p": "two.py"}


def test_a_folder_that_lost_a_name_says_so(looked, other):
    """A service of it that comes later reads the file again, and says why it cannot have it."""
    looked.write("one.py", "p").look()
    assert other.write("two.py", "p").look() == {"p": "two.py"}
    serve(other)
    looked.catalog = looked.anew()
    assert looked.look() == {"p": "two.py"}
    assert "'p' is defined in" in looked.errors()["one.py"]


def test_what_was_in_a_file_that_is_gone_is_gone(looked, other):
    """Also what is left of it after another folder has taken a name from it meanwhile."""
    both = CODE.format("p") + CODE.format("q").partition("\n")[2].replace("def p", "def q")
    (looked.folder / "one.py").write_text(both)
    assert looked.look().keys() == {"p", "q"}
    assert other.write("two.py", "p").look() == {"p": "two.py", "q": "one.py"}
    (looked.folder / "one.py").unlink()
    looked.catalog = looked.anew()
    assert looked.look() == {"p": "two.py"}


def test_a_folder_is_served_as_a_part_of_a_larger_one(looked, tmp_path):
    """Its files have what they had, and are looked after in the larger one from then on."""
    looked.write("one.py", "p").look()
    larger = Looked(tmp_path, looked.nursery, looked.store)
    assert larger.look() == {"p": "one.py"}
    (looked.folder / "one.py").unlink()
    assert larger.look() == {}


@pytest.mark.parametrize("names", ["qp", "qrp"])
def test_files_exchange_their_pipelines(looked, names):
    """Each has what the next one had; whoever is read first is not refused for ever."""
    before = sorted(names)
    for name in before:
        looked.write(f"{name}.py", name)
    looked.look()
    for file, name in zip(before, names, strict=True):
        looked.write(f"{file}.py", name)
    assert looked.look() == {name: f"{file}.py" for file, name in zip(before, names, strict=True)}
    assert looked.errors() == {}


#: A pipeline with one schedule.
SCHEDULED = """\
from taskflow import Schedule, pipeline
@pipeline(schedule=Schedule({}))
def {}():
    pass
"""


def test_a_schedule_keeps_its_id(looked):
    """What another pipeline is called must not be it."""
    (looked.folder / "a.py").write_text(SCHEDULED.format("'@daily', name='b'", "a"))
    looked.look()
    assert looked.write("other.py", "a/b").look() == {"a": "a.py"}
    assert "'a/b' is defined in" in looked.errors()["other.py"]


def test_a_file_that_has_a_name_twice_is_read_once(looked):
    """It stays an error until it is changed: nobody else can free the name."""
    code = SCHEDULED.format("'@daily', name='b'", "a")
    (looked.folder / "a.py").write_text(f"{code}@pipeline(name='a/b')\ndef c(): pass\n")
    looked.look()
    asked = []
    looked.nursery.ask = lambda *asked_for: asked.append(asked_for)
    for _ in range(3):
        looked.catalog.look()
    del looked.nursery.ask
    assert asked == []
    assert "'a/b' is defined in" in looked.errors()["a.py"]


def test_pipelines_that_would_start_one_another_for_ever_are_refused(looked):
    """The last one of them says why."""
    for name, followed in (("a", "b"), ("b", "c"), ("c", "a")):
        code = SCHEDULED.format(f"on_success_of={followed!r}", name)
        (looked.folder / f"{name}.py").write_text(code)
        looked.look()
    (told,) = looked.errors().values()
    assert "these would start one another for ever: " in told
    assert looked.known().keys() == {"a", "b"}


@pytest.mark.parametrize(("old", "new"), [("a.py", "b.py"), ("b.py", "a.py")])
def test_a_pipeline_moves_from_one_file_to_another(looked, old, new):
    """Whichever of the two is read first."""
    looked.write(old, "p").write(new, "q").look()
    assert looked.write(old, "r").write(new, "p").look() == {"p": new, "r": old}
    assert looked.errors() == {}


def test_a_file_is_renamed(looked):
    """Its pipeline is at home in the new one."""
    looked.write("a.py", "p").look()
    os.rename(looked.folder / "a.py", looked.folder / "b.py")
    assert looked.look() == {"p": "b.py"}


def test_what_the_store_does_not_take_is_not_forgotten(looked, monkeypatch):
    """A file that went while the disk was full is gone once there is room."""
    looked.write("a.py", "p").look()
    (looked.folder / "a.py").unlink()

    def full(_):
        raise StoreFullError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(looked.store.book, "remove_file", full)
        with pytest.raises(StoreFullError):
            looked.look()
    assert looked.known() == {"p": "a.py"}
    assert looked.look() == {}


def test_a_folder_needs_no_utf8_name_but_a_file_does(looked):
    """The file's is that of a module, and travels as a text."""
    folder = os.fsdecode(os.fsencode(looked.folder) + b"/caf\xe9")
    os.mkdir(folder)
    looked.write("one.py", "p")
    os.rename(looked.folder / "one.py", os.path.join(folder, "one.py"))
    looked.write(os.fsdecode(b"caf\xe9.py"), "q")
    assert looked.look() == {"p": "one.py"}
    (row,) = looked.store.book.pipelines()
    assert row.deployed.file == os.path.join(folder, "one.py")
    assert "has to be UTF-8, and this is not; rename the file" in "".join(looked.errors().values())
    order = RunOrder(f"sqlite:///{folder}", "6p0", 1, "v")
    assert decoded(order.encoded()) == order


def test_what_cannot_be_kept_is_an_error_of_its_file(looked):
    """It ends no service."""
    file = str(looked.folder / "a.py")
    odd = Deployed("p", file, "p", "v", tags=("\ud800",))
    looked.catalog.take(Reading(file, deployed=(odd,), parts={file: "x"}))
    assert list(looked.errors()) == ["a.py"]
    assert "cannot be kept" in looked.said[0][-1]["error"]


def test_a_folder_that_is_away_keeps_its_pipelines(looked):
    """That is said once, until it is there again."""
    looked.write("a.py", "p").look()
    away = looked.folder.with_name("away")
    for _ in range(2):
        os.rename(looked.folder, away)
        assert looked.look() == {"p": "a.py"}
        assert looked.look() == {"p": "a.py"}
        os.rename(away, looked.folder)
        assert looked.look() == {"p": "a.py"}
    told = [said for said in looked.said if said[0] == "trouble"]
    assert len(told) == 2
    assert "its pipelines stay as they were" in told[0][-1]["error"]
