"""The traced graph as plain data."""
