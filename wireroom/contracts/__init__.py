"""The contracts as documents, made from the models: what subscribers read, and what a test holds against the code."""
