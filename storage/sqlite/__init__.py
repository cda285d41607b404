"""The room of SQLite: one table of one file, for many threads and processes."""
