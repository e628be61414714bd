"""Readers of other formats: each turns one document into a submission."""
