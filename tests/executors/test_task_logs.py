"""Records of `logging` keep their level and logger on the way from a task to those who listen."""

from __future__ import annotations

import logging
import os
import sys
import threading

import pytest
from ledgers import Ledger, until

from taskflow import current, pipeline, task
from taskflow.events import TaskWrote

LIBRARY = "some.library"
#: The kinds of workers that run a body each in its own way; the second looked at in a ring where
#: it goes by the same steps.
KINDS = ("processes", "threads")
ALIKE = ("processes", pytest.param("threads", marks=pytest.mark.ring_programs))


class Heard:
    """Keeps what tasks wrote."""

    def __init__(self):
        self.wrote = []

    def notice(self, events):
        self.wrote += [event for event in events if isinstance(event, TaskWrote)]

    def close(self):
        pass

    @property
    def text(self):
        return "".join(event.text for event in self.wrote)

    @property
    def records(self):
        return [event for event in self.wrote if event.level]


def _heard(body, *, kind=None, executor="processes"):
    """What a pipeline of one task wrote; the task may ask for a kind of worker."""
    speak = task(name="speak", executor=kind)(body)

    @pipeline
    def p():
        speak()

    heard = Heard()
    run = p.options(workers=1, progress=False, executor=executor).start({}, [heard])
    assert run.wait(60) == "succeeded", run.failures
    return heard


def _talk():
    print("one")
    logging.getLogger(LIBRARY).warning("two %d", 2)
    print("three", end="")
    current.logger.info("four")
    logging.getLogger(LIBRARY).info("never")
    print("five")


async def _talk_async():
    _talk()


@pytest.mark.parametrize("body", [_talk, _talk_async])
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_has_its_level_and_logger(body, kind):
    """Under the key of its task, worded as before; what is below the level does not travel."""
    records = _heard(body, kind=kind).records
    seen = [(each.key, each.level, each.logger) for each in records]
    assert seen == [
        ("p/speak", logging.WARNING, LIBRARY),
        ("p/speak", logging.INFO, "taskflow.task"),
    ]
    assert records[0].text[8:] == f" WARNING {LIBRARY}  two 2\n"
    assert not any(each.seen for each in records)


@pytest.mark.parametrize("kind", KINDS)
def test_records_come_in_the_order_in_which_a_task_spoke(kind):
    """Between two prints, and after the unfinished line of one."""
    text = _heard(_talk, kind=kind).text
    words = ["one", "two", "three", "four", "five"]
    assert sorted(words, key=text.index) == words


@pytest.mark.parametrize("kind", ALIKE)
def test_a_record_of_an_exception_has_its_traceback(kind):
    """All of it is one record."""

    def body():
        try:
            {}["missing"]
        except KeyError:
            current.logger.exception("no such page")

    (record,) = _heard(body, kind=kind).records
    assert record.level == logging.ERROR
    assert "no such page\nTraceback (most recent call last):" in record.text
    assert record.text.endswith("KeyError: 'missing'\n")


@pytest.mark.parametrize("kind", ALIKE)
def test_a_task_that_sets_up_logging_writes_plain_text(kind):
    """`basicConfig(force=True)` takes our handler away; what its own writes is output."""

    def body():
        logging.basicConfig(force=True, format="mine: %(message)s", level=logging.DEBUG)
        logging.getLogger(LIBRARY).debug("hello")

    heard = _heard(body, kind=kind)
    assert heard.records == []
    assert heard.text == "mine: hello\n"


@pytest.mark.parametrize("kind", ALIKE)
def test_a_record_that_cannot_be_worded_ends_no_task(kind):
    """It is reported on standard error, as by every handler, and the next one comes."""

    def body():
        current.logger.warning("%d pages", "no")
        current.logger.warning("next")

    heard = _heard(body, kind=kind)
    assert [each.text[9:] for each in heard.records] == ["WARNING taskflow.task  next\n"]
    assert "--- Logging error ---" in heard.text


@pytest.mark.parametrize("kind", ALIKE)
def test_a_long_record_is_cut_in_the_middle(kind):
    """Of a dump of 10 MB the head and the tail are kept; half a character is spelled out."""
    heard = _heard(lambda: current.logger.warning("\udc80" + "x" * 10_000_000 + "end"), kind=kind)
    (record,) = heard.records
    assert len(record.text) < 300_000
    assert "WARNING taskflow.task  \\udc80xxx" in record.text
    assert "characters left out" in record.text
    assert record.text.endswith("xend\n")


def test_a_thread_and_a_child_of_a_body_are_heard():
    """A thread's record is one of its task; that of a forked child comes as text."""

    def body():
        thread = threading.Thread(target=lambda: current.logger.warning("thread"))
        logging.getLogger(LIBRARY).warning("body")
        thread.start()
        thread.join()
        child = os.fork()
        if not child:
            logging.getLogger(LIBRARY).warning("child")
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(child, 0)

    heard = _heard(body)
    assert [each.text.split()[-1] for each in heard.records] == ["body", "thread"]
    assert {each.key for each in heard.wrote} == {"p/speak"}
    assert heard.text.count("child") == 1


def test_what_a_task_logged_last_is_in_its_report_when_it_kills_its_worker():
    """A record is in the worker's log before the process dies, whether it was sent or not."""

    def body():
        current.logger.warning("last words")
        os.write(2, b"and more\n")
        os._exit(3)

    @pipeline
    def p():
        task(name="speak")(body)()

    run = p.options(workers=1, progress=False).start({}, [])
    assert run.wait(60) == "failed"
    ((_, _, report),) = run._failed()
    assert report.log_tail[9:] == "WARNING taskflow.task  last words\nand more\n"


@pytest.mark.ring_kill
def test_records_before_a_crash_that_were_sent_are_in_the_report_too(tmp_path):
    """What came while the body still ran stands in front of what it could not send any more."""
    heard_of = Ledger(tmp_path / "heard")

    def body():
        current.logger.warning("sent")
        until(lambda: len(heard_of.lines) == current.attempt)
        os.write(2, b"not sent\n")
        os._exit(3)

    @pipeline
    def p():
        task(name="speak")(body)()

    heard = Heard()
    run = p.options(workers=1, progress=False).start({}, [heard])
    for attempt in range(3):
        until(lambda n=attempt: len(heard.records) > n)
        heard_of.note("heard")
    assert run.wait(60) == "failed"
    ((_, _, report),) = run._failed()
    assert report.log_tail[9:] == "WARNING taskflow.task  sent\nnot sent\n"


@pytest.mark.ring_programs
def test_a_flood_of_records_is_cut_in_the_middle():
    """Those of the beginning and of the end are whole records; what was cut is said."""

    def body():
        for number in range(5_000):
            current.logger.info("%s record %d", "x" * 4_000, number)
        os.write(1, b"end\n")

    heard = _heard(body)
    assert heard.records[0].text.endswith("x record 0\n")
    assert heard.text.endswith("end\n")
    for record in heard.records:
        assert record.text.count("\n") == 1
    numbers = [int(each.text.split()[-1]) for each in heard.records]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < 5_000
    assert "left out" in heard.text


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_in_the_programs_own_process_records_are_told_and_still_shown(executor, caplog):
    """The program's handlers get a record as always; listeners get it marked as seen."""

    def body():
        current.logger.info("in %s", current.task_key)

    with caplog.at_level(logging.DEBUG):
        heard = _heard(body, executor=executor)
    assert [each.getMessage() for each in caplog.records if each.name == "taskflow.task"] == [
        "in p/speak"
    ]
    (record,) = heard.records
    assert (record.key, record.level, record.logger) == ("p/speak", logging.INFO, "taskflow.task")
    assert record.text[9:] == "INFO taskflow.task  in p/speak\n"
    assert record.seen


def test_outside_of_a_run_the_logger_is_a_plain_one(caplog):
    """A task that is called plainly logs like any function."""
    with caplog.at_level(logging.INFO):
        current.logger.info("plain")
    assert caplog.messages == ["plain"]
