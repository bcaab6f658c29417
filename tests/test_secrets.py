"""Secrets: used, and shown nowhere."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Annotated, Any, NewType, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taskflow
from taskflow import Secret, pipeline, task
from taskflow.authoring.parameters import signature_of
from taskflow.errors import ParameterError, RunFailed
from taskflow.events import RunStarted, TasksEnded, TaskWrote, as_plain
from taskflow.secret import Hidden, Redactor, discreet, is_secret, secret_names

TOKEN = "hunter2-and-more"
Token = NewType("Token", Annotated[str, Secret])


@dataclass
class Login:
    user: str
    password: Annotated[str, Secret]


class Keys(TypedDict):
    public: str
    private: Annotated[str, Secret]


@dataclass
class Tree:
    children: list[Tree]


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def notice(self, events):
        self.events += events

    def close(self):
        """Nothing to free."""


@task
def leak(token: str, url: str) -> None:
    print("the token is", token)
    raise ValueError(f"{url} did not like {token}")


@task
def marked(token: Annotated[str, Secret]) -> None:
    raise KeyError("something else")


@pipeline
def publish(token: Annotated[str, Secret], login: Login):
    return [leak(token, f"https://example.org/?t={token}"), marked("not-a-parameter")]


def run_of(executor="inline", **params):
    """A run of `publish` that has ended, and all it told."""
    heard = Heard()
    quiet = publish.options(executor=executor)
    run = quiet.execute(quiet.parameters.bind((), params), listeners=[heard])
    return run, heard.events


@pytest.mark.parametrize(
    "executor", ["inline", pytest.param("processes", marks=pytest.mark.ring_programs)]
)
def test_nothing_that_a_run_tells_holds_a_secret(executor):
    """Not parameters, prints, messages, tracebacks, inputs, nor the error of the run."""
    run, events = run_of(executor, token=TOKEN, login=Login("robert", "swordfish"))
    told = repr([as_plain(event) for event in events])
    # Inline, a task prints where the program does: that is its own affair.
    assert "the token is ***" in told or executor == "inline"
    assert "https://example.org/?t=*** did not like ***" in told
    for secret in (TOKEN, "swordfish", "not-a-parameter"):
        assert secret not in told
        assert secret not in repr(run.params)
    assert next(e for e in events if isinstance(e, RunStarted)).params == (
        ("token", "***"),
        ("login", "***"),
    )
    with pytest.raises(RunFailed) as caught:
        run.result()
    assert TOKEN not in str(caught.value)


def test_what_stands_beside_a_secret_is_not_hidden_elsewhere() -> None:
    """The name in `Login(user, password)` is no secret."""
    redact = Redactor(Hidden(Login("robert", "swordfish"), Login).secrets)
    assert redact("robert: swordfish") == "robert: ***"


def test_an_input_that_is_annotated_is_masked_whatever_it_holds() -> None:
    """Also where its value is no parameter of the run."""
    _, events = run_of(token=TOKEN, login=Login("robert", "swordfish"))
    ended = [e for e in events if isinstance(e, TasksEnded) and e.name == "marked"]
    assert ended[0].error.inputs == (("token", "***"),)


def test_the_value_of_a_run_is_data() -> None:
    """It stays as it is: to mask it would break it."""

    @pipeline
    def p(token: Annotated[str, Secret]):
        return [token]

    assert taskflow.run(p.options(executor="inline"), token=TOKEN) == [TOKEN]


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[str, Secret],
        Annotated[str, Secret()],
        Annotated[str, "for the site", Secret],
        Annotated[str, Secret] | None,
        list[Annotated[str, Secret]],
        dict[str, Annotated[str, Secret]],
        Token,
        Login,
        list[Login],
        Keys,
    ],
)
def test_a_type_is_secret_wherever_the_mark_stands(hint):
    """Around it, inside it, in a field of it, behind another name."""
    assert is_secret(hint)


@pytest.mark.parametrize("hint", [str, list[int], Tree, Any, int | None, None, "x"])
def test_other_types_are_not(hint):
    """Also such as hold themselves."""
    assert not is_secret(hint)


@pytest.mark.parametrize(
    ("hint", "value", "secrets"),
    [
        (Annotated[str, Secret], "s", ("s",)),
        (Annotated[str, Secret] | None, "s", ("s",)),
        (list[Annotated[str, Secret]], ["s", "t"], ("s", "t")),
        (dict[str, Annotated[str, Secret]], {"a": "s"}, ("s",)),
        (Login, Login("u", "s"), ("s",)),
        (list[Login] | None, [Login("u", "s"), Login("v", "t")], ("s", "t")),
        (Keys, {"public": "p", "private": "s"}, ("s",)),
    ],
)
def test_the_secrets_in_a_value_are_those_that_are_marked(hint, value, secrets):
    """Whatever they are inside of."""
    assert Hidden(value, hint).secrets == secrets


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Annotated[int, Secret], TOKEN),
        (Annotated[int, Secret] | None, TOKEN),
        (list[Annotated[int, Secret]], [TOKEN]),
        (Login, TOKEN),
        (Login, {"user": "u", "password": 3.25}),
    ],
)
def test_a_secret_that_does_not_fit_is_refused_without_being_shown(hint, value):
    """The message says what was expected, and nothing of what came."""

    def p(x): ...

    p.__annotations__ = {"x": hint}
    with pytest.raises(ParameterError) as caught:
        signature_of(p).bind((value,), {})
    assert "got ***" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "3.25" not in str(caught.value)


def test_the_default_of_a_secret_is_not_shown() -> None:
    """Neither in help nor in the signature that ends an error."""

    def p(token: Annotated[str, Secret] = TOKEN, *, depth: int = 1): ...

    parameters = signature_of(p)
    assert str(parameters) == "p(token: str = ***, depth: int = 1)"
    assert parameters.describe()[0].default == "***"
    with pytest.raises(ParameterError, match=r"token: str = \*\*\*"):
        parameters.bind((), {"depth": "x"})


def test_names_are_found_behind_postponed_annotations() -> None:
    """A task of a file with `from __future__ import annotations`, as this one; unsure is secret."""

    def f(a: Missing[Secret], b: Missing, c: int): ...  # noqa: F821

    assert secret_names(marked.fn) == {"token"}
    assert secret_names(f) == {"a"}
    assert secret_names(len) == frozenset()


def test_a_hidden_value_does_not_travel() -> None:
    """What pickles the parameters of a run gets no secret."""
    hidden = Hidden(TOKEN)
    assert TOKEN.encode() not in pickle.dumps(hidden)
    assert repr(pickle.loads(pickle.dumps(hidden))) == repr(hidden) == str(hidden) == "***"


@pytest.mark.parametrize(
    "told",
    [
        "it is pass word'\"/é\\!",
        repr("pass word'\"/é\\!"),
        '"pass word\'\\"/\\u00e9\\\\!"',
        "?t=pass%20word%27%22/%C3%A9%5C%21",
        "?t=pass+word%27%22%2F%C3%A9%5C%21",
    ],
)
def test_a_secret_is_known_in_every_spelling(told):
    """In a repr, in JSON, in a URL."""
    redacted = Redactor(["pass word'\"/é\\!"])(told)
    assert "***" in redacted
    assert "word" not in redacted


def test_a_long_secret_is_known_by_its_ends() -> None:
    """A preview may leave out its middle."""
    secret = "".join(map(str, range(1000)))
    assert Redactor([secret])(f"x {secret[:60]}...{secret[-60:]} y") == "x *** y"


def test_each_line_of_a_key_is_a_secret() -> None:
    """A private key may be printed line by line."""
    redact = Redactor(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n"])
    assert redact("first kqhkiG9w0BAQEF last") == "first *** last"


def test_texts_that_occur_everywhere_stay() -> None:
    """A secret of three letters cannot be hidden by replacing it."""
    assert Redactor(["abc", "", 7, True, None])("abc 7 True None") == "abc 7 True None"


def test_without_secrets_listeners_are_left_alone() -> None:
    """Most runs have none, and pay nothing."""
    listener = Heard()
    assert discreet([listener], [("domain", "x")]) == [listener]
    with_secret = discreet([listener], [("token", Hidden(TOKEN))])
    with_secret[0].notice([TaskWrote("k", f"token {TOKEN}\n")])
    assert listener.events == [TaskWrote("k", "token ***\n")]


@given(st.text(min_size=4), st.text(), st.text())
def test_a_secret_never_survives(secret, before, after):
    """Wherever it stands in a text."""
    assert secret not in Redactor([secret])(f"{before}{secret}{after}").replace("***", "\0" * 3)
