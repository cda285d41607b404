"""The asyncio half of `storage.continuity`."""
