"""One peer in each module: the same work in its own way, run in an environment of its own.

A module begins with the requirements of that environment, as a script does by PEP 723. Its
docstring says in one sentence what the peer does, and what it does not: how fast it is says little
without. It is run as a program, by `python -m benchmarks throughput`.
"""
