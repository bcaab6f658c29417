"""`@pipeline`: a function whose calls of tasks are traced into a graph, once for each run."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)

from taskflow.authoring.advice import near
from taskflow.authoring.captured import note_futures, note_hidden_task, refuse_iterator
from taskflow.authoring.definition import Definition
from taskflow.authoring.options import (
    PIPELINE_NAMES,
    RUNNING_NAMES,
    PipelineOptions,
    as_tuple,
    placed,
)
from taskflow.authoring.task import mapped
from taskflow.authoring.tracing import Trace, active_trace, refuse_plain_call
from taskflow.authoring.where import here, shown
from taskflow.context import context
from taskflow.draw import Drawable
from taskflow.errors import DefinitionError, FutureError, RunError, TaskflowError
from taskflow.graph.graph import INPUT, Graph
from taskflow.policies import seconds
from taskflow.values import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from taskflow.authoring.keywords import PipelineOptions as PipelineKeywords
    from taskflow.authoring.keywords import RunOptions
    from taskflow.authoring.parameters import Parameters
    from taskflow.context import Context
    from taskflow.handle import Run
    from taskflow.interfaces import Listener
    from taskflow.wanted import Again, Settings

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Q = ParamSpec("Q")
S = TypeVar("S")
T = TypeVar("T")


class Pipeline(Definition, Drawable, Generic[P, R_co]):
    """A pipeline. `taskflow.run(p, ...)` runs it; calling it nests it, or runs it here and now.

    Inside another pipeline a call traces its tasks into that run. Anywhere else `p(...)` is
    traced and run in this process, nothing is stored, and a task's exception is raised as
    itself.
    """

    __taskflow_pipeline__ = True
    fn: Callable[P, R_co]
    chosen: PipelineOptions

    def __init__(self, fn: Callable[P, R_co], options: PipelineOptions) -> None:
        self._set_up(fn, options, "pipeline")

    @functools.cached_property
    def parameters(self) -> Parameters:
        """The typed parameters, from the signature."""
        from taskflow.authoring.parameters import signature_of

        return signature_of(self.fn, self.short)

    def options(self, **changes: Unpack[RunOptions]) -> Self:
        """A copy with other options: those of `@pipeline`, and how a run of it runs.

        `executor` ("inline", "processes", or an `Executor`), `workers`, `fail_fast`, `timeout`,
        `tags`, `progress`, `store`, `durability`; in a nesting pipeline also `after`.
        """
        return self._with(changes, PIPELINE_NAMES | RUNNING_NAMES | {"after", "key"})

    # --- calling ---

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Nest this pipeline into the one that is traced, or trace and run it here and now."""
        trace = active_trace()
        if trace is None:
            refuse_plain_call(self.short, (*args, *kwargs.values()))
            return self._run_here(args, kwargs)
        self.check_arguments(args, kwargs)
        if self.dynamic:
            future: Any = trace.call(self, args, kwargs, self.returns)
            return future  # type: ignore[no-any-return] # the lie of the DSL
        nested: Any = trace.nest(self.short, lambda: self._returned(args, kwargs), self)
        return nested  # type: ignore[no-any-return] # the lie of the DSL

    def _run_here(self, args: Sequence[Any], kwargs: dict[str, Any]) -> R_co:
        quiet = {"executor": "inline", "progress": False, "fail_fast": True, "store": "memory:"}
        run = self._with(quiet, quiet).execute(self.parameters.bind(args, kwargs))
        try:
            value: R_co = run.result()
        except RunError as error:
            # The task's own exception, with the traceback it was raised with.
            if run.first_error is not None:
                raise run.first_error  # noqa: B904 - as itself, not as a consequence
            raise error from None
        return value

    def map(self, *columns: Iterable[Any], **constants: Any) -> list[R_co]:
        """Run the pipeline once for each element, traced when the element is known."""
        expanding = self if self.dynamic else self.options(dynamic=True)
        values: list[R_co] = mapped(expanding, self, (), columns, constants)
        return values

    @property
    def __taskflow_body__(self) -> Callable[..., Any]:
        """What a worker calls for a dynamic pipeline: it traces the body."""
        return self.expand

    def expand(self, *args: Any, **kwargs: Any) -> Graph:
        """Trace the body with real arguments; the last node is the value that it returns."""
        facts = context.get()
        directory = f"{facts.run_dir}/values" if facts is not None and facts.run_dir else ""
        trace = Trace(self.short, directory)
        with trace.active():
            structure = self._body(args, kwargs)
            if trace.graph.iterators:
                raise DefinitionError(
                    f"{self.short} is traced in a worker, where no iterator can stay: "
                    "write f.map(list(xs))"
                )
            trace.gather(structure, "result")
        graph = trace.close()
        if facts is not None and facts.kept:
            _note_codes(graph, trace)
        return graph

    def _returned(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What the body returns, once it has made its calls."""
        if self._changeable:
            args, kwargs = self._with_own_defaults(args, kwargs)
        value = self.fn(*args, **kwargs)
        refuse_iterator(value, self)
        return value

    @functools.cached_property
    def _changeable(self) -> list[str]:
        """The parameters whose defaults a body might change; each call gets its own."""
        from taskflow.authoring.frozen import fresh

        given = () if self.signature is None else self.signature.parameters.values()
        return [each.name for each in given if fresh(each.default) is not each.default]

    def _with_own_defaults(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        from taskflow.authoring.frozen import fresh

        assert self.signature is not None  # it has told of the defaults
        bound = self.signature.bind(*args, **kwargs)
        missing = [name for name in self._changeable if name not in bound.arguments]
        bound.apply_defaults()
        bound.arguments.update({name: fresh(bound.arguments[name]) for name in missing})
        return bound.args, bound.kwargs

    def _body(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The same, with a word on the futures that an error of the body is about."""
        try:
            return self._returned(args, kwargs)
        except TaskflowError:
            raise
        except Exception as error:
            note_futures(error)
            note_hidden_task(error)
            raise

    def _graph(self, trace: Trace, args: Sequence[Any], kwargs: dict[str, Any]) -> Graph:
        """Trace the body, and what it returns as the value of the run."""
        value = self._body(args, kwargs)
        trace.graph.result = trace.taker.structure(value, f"what {self.short} returns")
        return trace.close()

    @overload
    def __get__(self, instance: None, owner: type) -> Pipeline[P, R_co]: ...
    @overload
    def __get__(
        self: Callable[Concatenate[S, Q], Any], instance: S, owner: type | None = None
    ) -> Pipeline[Q, R_co]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """On a method: a pipeline without the first parameter, which is the instance."""
        first = self._first_argument(instance, owner)
        if first is None or self.signature is None:
            return self
        bound: Any = self._with({}, ())
        bound.fn = functools.partial(self.fn, first)
        bound.fn.__wrapped__ = self.fn  # for what reads code; signatures are set here
        bound.__dict__.pop("fitting", None)
        bound.signature = _without_first(self.signature)
        own = self.parameters
        bound.parameters = dataclasses.replace(own, signature=_without_first(own.signature))
        bound.method_of = staticmethod
        return bound

    # --- looking at it ---

    def trace(self, **params: Any) -> Graph:
        """The graph for these parameters; parameters not given are input nodes.

        If the body needs the value of one that is not given, it is traced with its default, or
        the error says which and why.
        """
        from taskflow.authoring.inputs import InputFuture

        given, missing = self.parameters.partial(params)
        while True:
            trace = Trace(self.short)
            values = dict(given)
            with trace.active():
                for name in missing:
                    node = trace.add(INPUT, None, b"", (), label=name)
                    values[name] = InputFuture(trace, node)
                args, kwargs = self.parameters.arguments(values)
                try:
                    return self._graph(trace, args, kwargs)
                except (FutureError, TypeError) as error:
                    name = _blamed(error, missing)
                    if not name:
                        raise
                    missing.remove(name)
                    given[name] = self._default(name, error)

    def _default(self, name: str, error: Exception) -> Any:
        assert self.signature is not None  # a pipeline is a Python function
        default = self.signature.parameters[name].default
        if default is self.signature.empty:
            from taskflow.authoring.inputs import NoDefaultError

            raise NoDefaultError(self.short, name, error) from error
        from taskflow.authoring.frozen import fresh

        return fresh(default)

    def _drawn(self, params: dict[str, Any]) -> tuple[Graph, None]:
        return self.trace(**params), None

    def validate(self, **params: Any) -> Graph:
        """Trace without running: raises whatever is wrong with the body, returns the graph."""
        return self.trace(**params)

    # --- running ---

    def start(self, params: dict[str, Any], listeners: Iterable[Listener] = ()) -> Run:
        """Begin a run in a thread of its own; `params` are bound values by name."""
        return self._launched(params, listeners).begin()

    def execute(
        self,
        params: dict[str, Any],
        listeners: Iterable[Listener] = (),
        again: Again | None = None,
    ) -> Run:
        """Run to the end in this thread, with Ctrl-C taken care of; never raises for a failure.

        `again` is there for a run that goes on where an earlier one was.
        """
        return self._launched(params, listeners, again).drive()

    def _launched(
        self, params: dict[str, Any], listeners: Iterable[Listener], again: Again | None = None
    ) -> Run:
        from taskflow.authoring.source import sources_for
        from taskflow.launch import prepare
        from taskflow.quiet import seldom_collecting
        from taskflow.wanted import What

        trace = active_trace()
        if trace is not None:
            raise DefinitionError(
                f"a run of {self.short} was started inside the body of {trace.graph.pipeline}\n"
                f"  here:    {trace.shown_here()}\n"
                f"  instead: {self.short}(...) nests it here; taskflow.run(...) works inside a task"
            )
        args, kwargs = self.parameters.arguments(params)
        code = getattr(inspect.unwrap(self.fn), "__code__", None)
        file = os.path.abspath(code.co_filename) if code else ""
        what = What(
            self.short,
            self.parameters.shown(params),
            lambda facts, directory: self._traced(facts, directory, args, kwargs),
            lambda: sources_for(self.fn),
            file if os.path.exists(file) else "",
            self.short,
            lambda: dumps(params),
            self._tell,
        )
        with seldom_collecting():  # plans, and what is kept of earlier traces, stay
            return prepare(what, self.settings(), list(listeners), again)

    def _tell(self, run: Run) -> None:
        """Call the hook for how a run has ended."""
        if run.state == "succeeded":
            hook = self.chosen.on_success
        else:
            hook = self.chosen.on_failure if run.state in {"failed", "timed_out"} else None
        if hook is not None:
            hook(run)

    def _traced(
        self, facts: Context, directory: str, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Graph, dict[str, Any]]:
        trace = Trace(self.short, directory)
        token = context.set(facts)
        try:
            with trace.active():
                graph = self._graph(trace, args, kwargs)
        finally:
            context.reset(token)
        return graph, _note_codes(graph, trace) if facts.kept else {}

    def settings(self) -> Settings:
        """How a run of it runs, unless that is said when it is started."""
        from taskflow.wanted import Settings

        chosen = self.chosen
        facts = context.get()
        inside = facts is not None and facts.task_key is not None
        return Settings(
            executor=chosen.executor or ("inline" if inside else None),
            workers=chosen.workers,
            fail_fast=chosen.fail_fast,
            timeout=None if chosen.timeout is None else seconds(chosen.timeout),
            tags=as_tuple(chosen.tags),
            progress=False if inside and chosen.progress is None else chosen.progress,
            store="memory:" if inside and chosen.store is None else chosen.store,
            durability=chosen.durability or "full",
        )


def _note_codes(graph: Graph, trace: Trace) -> dict[str, Any]:
    """Note in a graph which code its tasks have; what that is made of, by name of the task."""
    from taskflow.authoring.fingerprint import codes_of

    codes = codes_of(trace.definitions)
    graph.codes = {name: each["digest"] for name, each in codes.items()}
    vague = {name: tuple(each["unknown"]) for name, each in codes.items()}
    graph.uncovered = {name: parts for name, parts in vague.items() if parts}
    return codes


def _without_first(signature: inspect.Signature) -> inspect.Signature:
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _blamed(error: Exception, names: Iterable[str]) -> str:
    """The parameter whose value the body wanted."""
    text = str(error) + "".join(getattr(error, "__notes__", ()))
    return next((name for name in names if f"parameter `{name}`" in text), "")


@overload
def pipeline(fn: Callable[P, R_co], /) -> Pipeline[P, R_co]: ...
@overload
def pipeline(
    **options: Unpack[PipelineKeywords],
) -> Callable[[Callable[P, R_co]], Pipeline[P, R_co]]: ...
def pipeline(fn: Any = None, /, **options: Any) -> Any:
    """Make a function a pipeline.

    `fail_fast` ends the run at the first failure; `timeout` ends it after so long. `dynamic`
    traces it while running, when its arguments are known, so its body may loop over them and
    call itself; `max_depth` and `max_tasks` stop runaways. `schedule`, `timezone`, `catchup`,
    `overlap`, `max_active_runs` and `misfire_grace` say when it runs by itself, `on_success`,
    `on_failure`, `on_late` and `on_skipped` who is told.
    """
    for name in options:
        if name not in PIPELINE_NAMES:
            hint = near(name, PIPELINE_NAMES, repr)
            if name in RUNNING_NAMES:
                hint = f"; it says how a run runs: p.options({name}=...)"
            raise DefinitionError(
                f"@pipeline has no option {name!r}{hint}\n  here: {shown(here())}"
            )
    chosen = placed(lambda: PipelineOptions(**options))
    if fn is not None:
        return Pipeline(fn, chosen)
    return lambda function: Pipeline(function, chosen)
