"""Backup and restore of the broker's streams and the database's collections, as files with a manifest."""
