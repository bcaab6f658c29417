"""Drives a run: a pure plan and the loop around it."""
