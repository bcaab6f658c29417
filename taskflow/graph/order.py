"""Order in a graph: a cycle if there is one, and depth from the sources; iterative throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def find_cycle(nodes: Iterable[int], upstream: Callable[[int], Sequence[int]]) -> list[int]:
    """Some cycle among the nodes, in the order of the edges; empty if there is none.

    Depth-first search with an explicit stack, so a chain of any length is fine.
    """
    done: set[int] = set()
    for start in nodes:
        if start in done:
            continue
        path: list[int] = []
        on_path: dict[int, int] = {}
        stack: list[tuple[int, int]] = [(start, 0)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.pop()
                del on_path[node]
                done.add(node)
            elif node in on_path:
                # Edges point upstream; turn the path round so that it reads as data flows.
                return path[on_path[node] :][::-1]
            elif node not in done:
                on_path[node] = len(path)
                path.append(node)
                stack.append((node, 1))
                stack.extend((each, 0) for each in upstream(node))
    return []


def depths(count: int, upstream: Callable[[int], Sequence[int]]) -> list[int]:
    """The length of the longest path from a source to each node of an acyclic graph."""
    waiting = [0] * count
    downstream: list[list[int]] = [[] for _ in range(count)]
    for node in range(count):
        for each in upstream(node):
            waiting[node] += 1
            downstream[each].append(node)
    depth = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:
        for each in downstream[node]:
            depth[each] = max(depth[each], depth[node] + 1)
            waiting[each] -= 1
            if not waiting[each]:
                ready.append(each)
    return depth
