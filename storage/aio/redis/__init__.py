"""The room of Redis and Valkey, for tasks."""
