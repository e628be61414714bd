"""Commands that save and restore all data."""
