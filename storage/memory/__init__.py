"""The room of memory: entries in a dict, unbounded or bounded by recency."""
