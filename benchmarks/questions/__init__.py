"""One question in each module: its docstring asks it, its `answer` measures."""
