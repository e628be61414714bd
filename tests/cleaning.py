"""A cleaner with our own rules and networks, read once for all tests: it never changes."""

from services.extract.clean.cleaner import load

CLEANER = load()
RULES = CLEANER.rules
clean = CLEANER.clean
