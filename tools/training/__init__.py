"""Training of the line and page classifiers; nothing of it is imported by a service."""
