"""Cleaning of article bodies, plain text or HTML: a pure library, without broker, database, clock or environment."""
