"""The second of the two programs: the folder `examples/pipelines`, served as its reader would."""

from __future__ import annotations

import json
import shutil

import pytest
from serving import ROOT, Place

from examples import local_site

pytestmark = pytest.mark.ring_programs


@pytest.fixture
def place(tmp_path):
    """A copy of the folder; what is hourly runs every few seconds, so that nobody waits for it."""
    made = Place(tmp_path)
    shutil.copytree(ROOT / "examples/pipelines", made.pipelines, dirs_exist_ok=True)
    for name, slow in (("hourly", "0 0 * * * *"), ("site_check", "*/10 * * * * *")):
        path = made.pipelines / f"{name}.py"
        path.write_text(path.read_text().replace(slow, "*/4 * * * * *"))
    return made


def runs_of(place, pipeline):
    """The runs of a pipeline, as history has them."""
    told = place.taskflow("runs", "--json", "--pipeline", pipeline).stdout
    return [json.loads(line) for line in told.splitlines()]


def test_a_folder_is_served_and_killed_and_served_again(place):
    """Requests, commands and functions run on time; what follows follows; history tells of all."""
    with local_site.serve(delay_seconds=0.01) as site:
        place.environment["SITE"] = site.url
        with place.serve() as service:
            service.until("succeeded", "site_check")
            service.until("tick", "hourly")
            service.kill()
        with place.serve() as service:
            service.until("succeeded", "site_check")
            service.until("succeeded", "daily_summary")
            service.until("succeeded", "hourly", 2)
            assert service.stop() == 0
    history = json.loads(place.taskflow("schedules", "history", "hourly", "--json").stdout)
    instants = [tick["instant"] for tick in history]
    assert len(instants) == len(set(instants)) >= 3
    assert {tick["state"] for tick in history if tick["run"]} == {"succeeded"}
    ended = [run for run in runs_of(place, "site_check") if run["state"] == "succeeded"]
    assert len(ended) >= 2
    assert all(" status 200, " in run["result"] for run in ended)
    after = runs_of(place, "daily_summary")
    assert {run["schedule"] for run in after} == {"daily_summary/after_check"}
    assert {run["params"]["what"] for run in after} == {"a check"}


def test_the_graph_of_the_folder_is_drawn(place):
    """Two tasks in order: a drawing without Graphviz."""
    path = place.folder / "hourly.svg"
    drawn = place.taskflow("graph", str(place.pipelines / "hourly.py"), "-o", str(path))
    assert drawn.returncode == 0, drawn.stderr
    assert "print_test2" in path.read_text()
