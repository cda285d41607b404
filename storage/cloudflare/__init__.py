"""Cloudflare's KV: by its public API, and in the asyncio half by the binding of a Worker too."""
