"""The extract stage and bare spaCy as processes that a bench measures side by side."""
