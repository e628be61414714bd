"""Commands for what brings articles in."""
