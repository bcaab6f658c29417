"""After each look at the site, and on working days at six in the evening: two schedules.

The second catches up: if nobody was there on Friday evening, Friday's summary is made on Monday.
"""

from taskflow import Schedule, current, pipeline, task

EVENING = Schedule(
    "0 18 * * mon-fri", name="evening", timezone="Europe/Brussels", params={"what": "the day"}
)
AFTER_CHECK = Schedule(name="after_check", on_success_of="site_check", params={"what": "a check"})


@task
def summary(what: str) -> str:
    """One line on what there is to say."""
    return f"{what} of {current.scheduled_time:%Y-%m-%d}"


@pipeline(schedule=[EVENING, AFTER_CHECK], catchup="all")
def daily_summary(what: str = "the day") -> str:
    """Sum something up."""
    return summary(what)
