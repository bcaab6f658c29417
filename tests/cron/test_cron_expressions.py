"""Which expressions there are: what is read, what is refused, and in which words."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow import cron, pipeline
from taskflow.errors import DefinitionError

# Expression, what the message quotes, what it ends with.
REFUSED = (
    ("", "is empty", "such as '0 6 * * *'"),
    ("   ", "is empty", "such as '0 6 * * *'"),
    ("* * * *", "it has 4 fields", "such as '0 6 * * *'"),
    ("* * * * * * * *", "it has 8 fields", "6 with seconds first, or 7"),
    ("60 * * * *", "its minute '60' is out of range", "write 0 to 59"),
    ("* 24 * * *", "its hour '24'", "write 0 to 23"),
    ("* * 0 * *", "its day of month '0'", "write 1 to 31"),
    ("* * 32 * *", "its day of month '32'", "write 1 to 31"),
    ("* * * 13 *", "its month '13'", "write 1 to 12"),
    ("* * * 0 *", "its month '0'", "write 1 to 12"),
    ("* * * * 8", "its day of week '8'", "write 0 to 7"),
    ("60 * * * * *", "its second '60'", "write 0 to 59"),
    ("0 0 0 1 1 * 1969", "its year '1969'", "write 1970 to 2099"),
    ("*/0 * * * *", "its minute '*/0' has a step", "from 1 to 60"),
    ("5-5/0 * * * *", "its minute '5-5/0'", "write 5"),
    ("-5 * * * *", "its minute '-5' cannot be read", "a number from 0 to 59"),
    ("+5 * * * *", "its minute '+5'", "a number from 0 to 59"),
    ("1.5 * * * *", "its minute '1.5'", "a number from 0 to 59"),
    ("1,,2 * * * *", "its minute '1,,2' has an empty item", "such as 1,15"),
    ("1- * * * *", "its minute '1-'", "a range 0-59"),
    ("- * * * *", "its minute '-'", "a range 0-59"),
    ("*-5 * * * *", "its minute '*-5'", "a range 0-59"),
    ("*/ * * * *", "its minute '*/'", "a step */2"),
    ("5/ * * * *", "its minute '5/'", "a step */2"),
    ("* * * * mon-foo", "its day of week 'mon-foo' cannot be read at 'foo'", "one of sun, mon"),
    ("* * * JANUARY *", "its month 'JANUARY'", "write jan"),
    ("٥ * * * *", "ARABIC-INDIC DIGIT FIVE", "digits and letters of ASCII"),
    ("0\u00a00 * * *", "NO-BREAK SPACE", "digits and letters of ASCII"),
    ("0\0 * * * *", "a control character", "digits and letters of ASCII"),
    ("1" * 5000 + " * * * *", "its minute '1111", "write 0 to 59"),
    (",".join(map(str, range(20_000))) + " * * * *", "out of range at '60'", "write 0 to 59"),
    ("? * * * *", "its minute '?'", "write *"),
    ("0 0 ?,1 * *", "its day of month '?,1'", "write ? alone"),
    ("* * * * 1#0", "its day of week '1#0'", "write 1#1 to #5"),
    ("* * * * 1#6", "its day of week '1#6'", "write 1#1 to #5"),
    ("0 0 30 2 *", "never fires: no month '2' has a day '30'", "or L for the last day"),
    ("0 0 31 2,4,6,9,11 *", "never fires", "or L for the last day"),
    ("0 0 0 29 2 * 2099", "no month '2' of 2099", "or L for the last day"),
    ("0 0 0 1 1 * 2020", "its last tick was on 2020-01-01", "leave the year out"),
    ("@foo", "is unknown", "@every 5m"),
    ("@dayly", "is unknown", "did you mean @daily?"),
    ("@every5m", "is unknown", "did you mean @every 5m?"),
    ("@daily 5", "is unknown", "@every 5m"),
    ("@reboot", "is about machines that start", "'@hourly'"),
    ("@every", "has no duration", "@every 1h30m"),
    ("@every -5m", "has no duration", "@every 1h30m"),
    ("@every 5 minutes", "has no duration", "@every 1h30m"),
    ("@every 500ms", "shorter than a second", "@every 1s or longer"),
    ("@every 99999999999999d", "longer than time", "a shorter duration"),
    ("TZ=Europe/Rome 0 0 * * *", "names its zone", 'timezone="Europe/Rome"'),
    ("CRON_TZ=Europe/Rome 0 0 * * *", "names its zone", 'timezone="Europe/Rome"'),
    # What croniter takes, as something that is not meant.
    ("5-5 * * * *", "its minute '5-5' is a range from a value to itself", "write 5"),
    ("0 0 * * 1-1", "its day of week '1-1'", "write 1"),
    ("55-5 * * * *", "its minute '55-5' is a range that runs backwards", "write 55-59,0-5"),
    ("0 22-2 * * *", "its hour '22-2'", "write 22-23,0-2"),
    ("0 0 * * fri-mon", "its day of week 'fri-mon'", "write fri-sat,sun-mon"),
    ("0 0 * * 5-0", "its day of week '5-0'", "write 5-7"),
    ("0 0 * * 7-3", "its day of week '7-3'", "write 0-3"),
    ("0 0 * nov-feb *", "its month 'nov-feb'", "write nov-dec,jan-feb"),
    ("*/61 * * * *", "its minute '*/61' has a step", "from 1 to 60"),
    ("*/999999999999 * * * *", "its minute '*/999999999999'", "from 1 to 60"),
    ("20-30/15 * * * *", "its minute '20-30/15'", "from 1 to 11"),
    ("*,5 * * * *", "its minute '*,5' has * beside other values", "write * alone"),
    ("0 0 1 * 1#1", "day of month '1' and day of week '1#1'", "or two schedules"),
    ("0 0 15W * 1", "day of month '15W' and day of week '1'", "or two schedules"),
    ("0 0 1,15W * *", "its day of month '1,15W' has W in a list", "one day such as 15W, and"),
    ("0 0 * * mon#1,3", "its day of week 'mon#1,3' mixes", "one for each"),
    ("0 0 LW * *", "its day of month 'LW'", "write 31W, the weekday nearest to the last day"),
    ("0 0 L-3 * *", "its day of month 'L-3'", "cannot be counted"),
    ("0 0 * * 5L", "its day of week '5L'", "write L5, the last such day of the month"),
    ("R * * * *", "its minute 'R'", "write H"),
    ("R(0-9) * * * *", "its minute 'R(0-9)'", "write H"),
    ("H(0-99) * * * *", "its minute 'H(0-99)' is out of range", "write 0 to 59"),
    ("H 25 * * *", "schedule='H 25 * * *' is not a cron expression: its hour '25'", "0 to 23"),
    ("H(9-3) * * * *", "its minute 'H(9-3)'", "write 9 alone"),
    ("H/0 * * * *", "its minute 'H/0'", "from 1 to 60"),
    ("0 0 0 1 1 * H", "its year 'H' cannot be drawn", "write a year, or *"),
    (5, "schedule=5 is not a text", "such as '0 6 * * *'"),
    (None, "is not a text", "such as '0 6 * * *'"),
)
# Expression, and a tick of it.
ACCEPTED = (
    ("0 6 * * *", "2026-01-01T06:00:00"),
    ("  0\t6  * *\n* ", "2026-01-01T06:00:00"),
    ("0 0 * * * *", "2026-01-01T01:00:00"),
    ("30 0 0 1 2 ? 2027", "2027-02-01T00:00:30"),
    ("@hourly", "2026-01-01T01:00:00"),
    ("@Daily", "2026-01-02T00:00:00"),
    ("@midnight", "2026-01-02T00:00:00"),
    ("@weekly", "2026-01-04T00:00:00"),
    ("@monthly", "2026-02-01T00:00:00"),
    ("@yearly", "2027-01-01T00:00:00"),
    ("@annually", "2027-01-01T00:00:00"),
    ("@every 90s", "2026-01-01T00:01:30"),
    ("@every 1h30m", "2026-01-01T01:30:00"),
    ("0 0 L * *", "2026-01-31T00:00:00"),
    ("0 0 28,L 2 *", "2026-02-28T00:00:00"),
    ("0 0 31W * *", "2026-01-30T00:00:00"),
    ("0 0 31W 2 *", "2026-02-27T00:00:00"),
    ("0 0 17w * *", "2026-01-16T00:00:00"),
    ("0 0 * * fri#2", "2026-01-09T00:00:00"),
    ("0 0 * * L5", "2026-01-30T00:00:00"),
    ("0 0 * * FRI-SUN", "2026-01-02T00:00:00"),
    ("0 0 * * 7", "2026-01-04T00:00:00"),
    ("0 0 29 feb *", "2028-02-29T00:00:00"),
    ("59/15 * * * *", "2026-01-01T00:59:00"),
    ("*/60 * * * *", "2026-01-01T01:00:00"),
)
START = datetime(2026, 1, 1, tzinfo=UTC)
IDENTS = st.text(max_size=30)
HASHED = ("H H * * *", "H/15 * * * *", "H(0-29)/10 H H H H", "H,30 * * * *", "H H H H H H *")


@pytest.mark.parametrize(
    ("expression", "quoted", "fix"), REFUSED, ids=[repr(each[0])[:40] for each in REFUSED]
)
def test_what_cannot_be_used_is_refused_with_the_field_and_the_fix(expression, quoted, fix) -> None:
    """The message quotes what is wrong and ends with what to write instead; no text is endless."""
    with pytest.raises(DefinitionError) as caught:
        cron.check(expression)
    what, _, remedy = str(caught.value).rpartition("; ")
    assert quoted in what
    assert fix in remedy or f"{fix}; {remedy}" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("expression", "tick"), ACCEPTED)
def test_what_can_be_used_fires(expression, tick) -> None:
    """Five, six and seven fields, aliases, names and letters."""
    assert cron.next_tick(expression, None, START).isoformat() == f"{tick}+00:00"
    if "2027" not in expression:
        cron.check(expression)


@given(st.text(alphabet="0159*/-,#LWHR?@ amonevry\t٣", max_size=20))
def test_any_text_is_read_or_refused(expression) -> None:
    """Nothing but a `DefinitionError` comes out of a text, whatever stands in it."""
    with contextlib.suppress(DefinitionError):
        cron.check(expression, "Europe/Brussels")
        plain = cron.expand(expression, "some id")
        assert cron.next_tick(plain, "Europe/Brussels", START) is not None
        assert cron.in_words(plain)
        assert all(cron.warnings_of(plain))


@pytest.mark.parametrize(("expression", "_tick"), ACCEPTED)
def test_an_expanded_expression_is_plain_and_expands_to_itself(expression, _tick) -> None:
    """Aliases are written out and white space is single; the ticks stay the same."""
    plain = cron.expand(expression, "some id")
    assert cron.expand(plain, "another id") == plain
    assert plain.split(" ") == plain.split()
    assert plain.startswith(("@every", "0", "3", "5", "*"))
    assert cron.next_tick(plain, None, START) == cron.next_tick(expression, None, START)


@given(st.sampled_from(HASHED), IDENTS)
def test_h_becomes_values_of_its_field(expression, ident) -> None:
    """Whatever the id, the result has no `H`, can be used, and is the same each time."""
    plain = cron.expand(expression, ident)
    assert "H" not in plain
    assert cron.expand(plain, "another id") == plain == cron.expand(expression, ident)
    cron.check(expression)
    cron.check(plain)


def test_h_is_the_same_on_every_machine() -> None:
    """These values are stored by users: another version of taskflow must not draw others."""
    drawn = [cron.expand(expression, "nightly") for expression in HASHED[:3]]
    assert drawn == ["56 7 * * *", "11,26,41,56 * * * *", "6,16,26 7 6 8 3"]


def test_h_spreads_schedules() -> None:
    """A thousand ids have every minute among their draws, and days that all months have."""
    drawn = [cron.expand("H 0 H * *", f"pipeline {n}").split() for n in range(1000)]
    assert {int(fields[0]) for fields in drawn} == set(range(60))
    assert {int(fields[2]) for fields in drawn} == set(range(1, 29))


def test_h_that_was_not_resolved_is_refused() -> None:
    """The next tick of `H` depends on an id: it is asked for, not made up."""
    with pytest.raises(DefinitionError, match="resolve H first"):
        cron.next_tick("H 3 * * *", None, START)


def test_a_schedule_is_checked_where_it_is_declared() -> None:
    """A pipeline with a wrong schedule, or a wrong zone, is refused at once."""
    with pytest.raises(DefinitionError, match="write 0 to 59"):
        pipeline(schedule="60 * * * *")(print)
    with pytest.raises(DefinitionError, match="did you mean 'Europe/Brussels'"):
        pipeline(schedule="H 6 * * *", timezone="Europe/Brusels")(print)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Brusels", "did you mean 'Europe/Brussels'?"),
        ("brussels", "did you mean 'Europe/Brussels'?"),
        ("new york", "did you mean 'America/New_York'?"),
        ("", "write an IANA name"),
        ("../etc/passwd", "write an IANA name"),
        ("Europe", "write an IANA name"),
        ("a\0b", "write an IANA name"),
        (5, "write an IANA name"),
    ],
)
def test_an_unknown_zone_is_refused_with_one_that_is_near(zone, hint) -> None:
    """Names of cities, slips of the pen, and what is no zone at all."""
    with pytest.raises(DefinitionError) as caught:
        cron.check("0 6 * * *", zone)
    assert hint in str(caught.value)
    assert repr(zone) in str(caught.value)


def test_a_system_without_time_zones_is_told_what_to_install(monkeypatch) -> None:
    """Where not even London is found, it is not the name that is wrong."""
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(DefinitionError, match="pip install tzdata"):
        cron.check("0 6 * * *", "Europe/Nowhere")


@pytest.mark.parametrize("ask", ["next_tick", "previous_tick", "ticks"])
def test_a_naive_datetime_is_refused(ask) -> None:
    """Nobody knows which moment it is."""
    naive = START.replace(tzinfo=None)
    until = [naive] if ask == "ticks" else []
    with pytest.raises(DefinitionError, match=r"has no time zone; write an aware datetime"):
        getattr(cron, ask)("0 6 * * *", None, naive, *until)


def test_croniter_is_loaded_only_by_days_that_are_restricted() -> None:
    """Importing the room, and ticks of every day, do without it."""
    program = (
        "import sys; from datetime import UTC, datetime; from taskflow import cron\n"
        "now = datetime.now(UTC)\n"
        "cron.check('0 6 * * *', 'Europe/Brussels'); cron.next_tick('*/5 * * * *', None, now)\n"
        "assert 'croniter' not in sys.modules\n"
        "cron.next_tick('0 6 * * 1-5', None, now); assert 'croniter' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
