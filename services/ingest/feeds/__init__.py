"""Feeds and news sitemaps: polled, read, and published through the gate that all submissions pass."""
