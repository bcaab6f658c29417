"""Where calls run: in this thread, or in worker processes."""
