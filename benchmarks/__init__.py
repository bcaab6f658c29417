"""What taskflow costs, measured beside what else runs Python functions: `python -m benchmarks`."""
