"""What to write instead: of a future used as a value, and of a name that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What to write instead, by kind of misuse; {f} is the future as the user would write it.
FIXES: Final = {
    "branch": (
        "when({f}, then=lambda: ..., otherwise=lambda: ...)   # a branch in the graph\n"
        "             or decide inside a task: @task def decide(value): ..."
    ),
    "compare": (
        "compare inside a task: @task def is_ok(value): return value == ...\n"
        "             then branch on it: when(is_ok({f}), then=lambda: ...)"
    ),
    "iterate": (
        "other_task.map({f})   # one task run for each element\n"
        "             or pass it whole: other_task({f})\n"
        "             or say how many values there are: @task(outputs=2), or -> tuple[int, str]"
    ),
    "whole": (
        "give the whole list to a task: @task def total(values): return sum(values)\n"
        "             then total({f})\n"
        "             or go on with one element: other_task({f}[0])"
    ),
    "elements": (
        "give the whole list to a task: @task def total(values): return sum(values)\n"
        "             then total({f})\n"
        "             or go on with each element: other_task.map({f})"
    ),
    "length": (
        "take it inside a task: @task def count(values): return len(values)\n"
        "             or say how many values there are: @task(outputs=2), or -> tuple[int, str]"
    ),
    "text": (
        "make the text inside a task: @task def url_of(value): return f'...{{value}}'\n"
        "             to look at the future itself while debugging: {{future!r}} or repr(future)"
    ),
    "compute": (
        "compute inside a task: @task def compute(value): ...   then compute({f})\n"
        "             (@pipeline(dynamic=True) bodies get values for their parameters)"
    ),
    "field": (
        "{f}[{name!r}] if the value is a dict\n"
        "             or annotate the task with the class it returns: def {task}(...) -> Page\n"
        "             or read it inside a task: @task def get(value): return value.{name}"
    ),
    "declared": (
        "{cls} declares {fields}{near}\n"
        "             methods are called inside a task: @task def get(value): return value.{name}"
    ),
    "method": (
        "call it inside a task: @task def change(value): return value.{name}(...)\n"
        "             then change({f})"
    ),
    "element": (
        "[each.{name} for each in {f}] if it is known over how many elements the map runs\n"
        "             or read it inside a task: @task def get(value): return value.{name}\n"
        "             then get.map({f})"
    ),
    "pick": (
        "pick inside a task: @task def pick(values, key): return values[key]   then pick({f}, key)"
    ),
    "outcome": "outcome({f}) for one value; successes(xs) or outcomes(xs) for a map or a list",
    "outcomes": "outcomes({f}) or successes({f})",
    "capture": (
        "pass it as an argument: other_task({f})\n"
        "             futures belong to one trace: keep none in globals, closures or defaults"
    ),
    "call": "call the task where you made the future, or call inside a task",
    "assign": "build the changed value inside a task: @task def changed(value): ...",
    "await": "pass it on as it is: other_task({f}); the run waits for inputs by itself",
    "with": "open it inside the task that uses it; for one per worker, make it at module level",
    "path": "open it inside a task: @task def read(path): return open(path).read()",
    "array": "compute inside a task: @task def mean(values): return np.mean(values)",
}

#: Advice for one value, and for many: of a map, or of an element that nobody took by itself, all
#: of the elements are meant.
OF_ONE: Final = frozenset({"compute", "compare"})
OF_MANY: Final = frozenset({"iterate", "length"})

#: Methods by which Python, or numpy, asks a future for its value: what was done, and the advice.
REFUSED: Final = {
    "__bool__": (
        "it was used as a condition (`if`, `while`, `and`, `or`, `not`, `assert`)",
        "branch",
    ),
    "__contains__": ("`in` was asked of it", "compare"),
    "__str__": ("it was made into text (`str`, `print`, `%s`)", "text"),
    "__format__": ("it was put into an f-string or `format`", "text"),
    "__bytes__": ("it was made into bytes", "text"),
    "__int__": ("it was made into an int", "compute"),
    "__float__": ("it was made into a float", "compute"),
    "__complex__": ("it was made into a complex number", "compute"),
    "__index__": ("it was used as an index or in `range`", "compute"),
    "__round__": ("it was rounded", "compute"),
    "__trunc__": ("it was truncated", "compute"),
    "__floor__": ("it was rounded down", "compute"),
    "__ceil__": ("it was rounded up", "compute"),
    "__fspath__": ("it was used as a path", "path"),
    "__array__": ("it was made into a numpy array", "array"),
    "__array_ufunc__": ("a numpy function was applied to it", "array"),
    "__array_function__": ("a numpy function was applied to it", "array"),
    "__call__": ("it was called", "call"),
    "__setitem__": ("an item was assigned to it", "assign"),
    "__delitem__": ("an item of it was deleted", "assign"),
    "__enter__": ("it was used in `with`", "with"),
    "__exit__": ("it was used in `with`", "with"),
    "__aenter__": ("it was used in `async with`", "with"),
    "__aexit__": ("it was used in `async with`", "with"),
    "__await__": ("it was awaited", "await"),
    "__aiter__": ("it was iterated over with `async for`", "iterate"),
    "__next__": ("`next` was asked of it", "iterate"),
    "__reversed__": ("it was reversed", "iterate"),
}

#: Comparisons, and operators that Python also asks of their right side.
ORDERINGS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
ARITHMETIC: Final = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
    "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
    "divmod": "divmod",
}  # fmt: skip
UNARY: Final = ("neg", "pos", "abs", "invert")

#: Methods of the futures of other libraries, which people try.
WAITING: Final = frozenset({"result", "compute", "wait", "done"})


def near(name: str, known: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """`; did you mean ...?` if some known name is close; two, if both may well be meant."""
    import difflib  # here: only who has made a mistake needs it

    names = list(known)
    close = difflib.get_close_matches(name, names, 2, 0.75)
    close = close or difflib.get_close_matches(name, names, 1)
    return f"; did you mean {' or '.join(map(shown, close))}?" if close else ""
