"""The room of Redis and Valkey: one server, Sentinel or Cluster, through one door."""
