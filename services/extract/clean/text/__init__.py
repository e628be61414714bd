"""Plain text: lines and words, and the metadata that lines carry."""
