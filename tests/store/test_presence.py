"""Processes that cannot look up each other's number, as in containers, see each other live."""

from __future__ import annotations

import os

from keeping import opened, program

from taskflow.store import owners, presence
from taskflow.store.owners import lives

#: What a program does that believes to be on another host.
ELSEWHERE = """
    import socket
    socket.gethostname = lambda: "elsewhere"
"""
DRIVE = (
    ELSEWHERE
    + """
    ledger = begun(store)
    print("driving", flush=True)
    if os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    sys.stdin.readline()
    os._exit(0)
"""
)


def test_a_run_of_another_container_goes_on_here_once_its_process_is_gone(tmp_path):
    """Its host has another name, so its number says nothing; a fork of it does not count."""
    store = opened(tmp_path)
    with program(tmp_path, DRIVE) as other:
        assert other.stdout.readline() == "driving\n"
        assert store.find("run-1").state == "running"
        assert store.find("run-1").owner.host == "elsewhere"
        other.stdin.write("end\n")
        other.stdin.flush()
        other.wait()
        assert store.find("run-1").state == "interrupted"
        store.take_over("run-1").close()
    store.close()


def test_a_process_is_seen_by_one_elsewhere(tmp_path):
    """Also if that looks in a folder that nobody has shown anything in before."""
    me = owners.me(0.0)
    elsewhere = me._replace(host="elsewhere", pid=me.pid + 1)
    assert not lives(elsewhere, str(tmp_path))
    code = (
        ELSEWHERE
        + f"""
    from taskflow.store.owners import Owner, lives
    asked = Owner(*{tuple(me)!r}), {str(tmp_path)!r}
    print(lives(*asked), flush=True)
    sys.stdin.readline()
    print(lives(*asked), flush=True)
    """
    )
    with program(tmp_path, code) as other:
        assert other.stdout.readline() == "False\n"
        presence.show(me, str(tmp_path))
        assert not lives(elsewhere, str(tmp_path))  # to look at others hides nothing of its own
        other.stdin.write("go\n")
        other.stdin.flush()
        assert other.stdout.readline() == "True\n"


def test_where_no_file_can_be_opened_one_elsewhere_is_taken_to_live(tmp_path, monkeypatch):
    """Whoever is dead may be waited for; whoever lives must not be robbed."""

    def refuse(*_):
        raise PermissionError

    presence.show(owners.me(0.0), str(tmp_path))
    monkeypatch.setattr(presence, "_files", {})
    monkeypatch.setattr(os, "open", refuse)
    me = owners.me(0.0)
    assert lives(me._replace(host="elsewhere"), str(tmp_path))
    assert not lives(me._replace(started=1), str(tmp_path))
