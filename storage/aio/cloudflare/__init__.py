"""Cloudflare's KV for tasks."""
