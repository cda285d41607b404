"""Bugs that the guarantees forbid, planted one by one: for each, some test has to fail."""
