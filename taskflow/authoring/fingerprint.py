"""Fingerprints of code: what a task does, wherever in the project that is written.

The print of a function covers its own syntax, the functions, classes and tasks of the project that
it names, and all that those name; and the content of the constants and globals they use, as it is
when the print is made. What is installed counts by name, so does a module. Code without source, or
whose file has changed since it was imported, counts as it was compiled, for this Python only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from taskflow.authoring.survey import CodePrint, Survey, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from taskflow.authoring.definition import Definition

#: How many of the parts that differ are named.
_TOLD: Final = 2


def code_of(thing: Any) -> CodePrint:
    """The fingerprint of a task, a pipeline or a function, as the code is now."""
    return Survey(root_of(thing)).print_of(thing)


def codes_of(definitions: Iterable[Definition]) -> dict[str, Any]:
    """The fingerprints of tasks and pipelines by their names, as they are kept with a run."""
    surveys: dict[str, Survey] = {}
    found: dict[str, Any] = {}
    for definition in definitions:
        root = root_of(definition)
        survey = surveys.setdefault(root, Survey(root))
        found[definition.name] = survey.print_of(definition)._asdict()
    return found


def why_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs between two prints of `codes_of`, in one line; "" if nothing does."""
    if old["digest"] == new["digest"]:
        return ""
    before, after = old["parts"], new["parts"]
    both = [name for name in after if name in before and _differ(before[name], after[name])]
    # What was renamed or moved changed the code that names it, which says more.
    told = [_told(name, after[name], "changed") for name in sorted(both, key=_by_kind(after))]
    told += [_told(name, part, "is new") for name, part in after.items() if name not in before]
    told += [_told(name, part, "is gone") for name, part in before.items() if name not in after]
    more = len(told) - _TOLD
    return ", ".join(told[:_TOLD]) + (f", and {more} more" if more > 0 else "")


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one["digest"] != other["digest"]


def _by_kind(parts: Mapping[str, Mapping[str, str]]) -> Callable[[str], tuple[bool, str]]:
    return lambda name: (parts[name]["kind"] != "code", name)


def _told(name: str, part: Mapping[str, str], what: str) -> str:
    subject = f"code of {name.rpartition('.')[2]}" if part["kind"] == "code" else ""
    return f"{subject or part['kind'] + ' ' + name} {what}" + (
        f" ({part['at']})" * bool(part["at"])
    )
