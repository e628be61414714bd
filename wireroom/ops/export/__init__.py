"""Stored articles as rows of columns, and the files they are written to."""
