"""Extract: cleans articles and finds their entities, in worker processes."""
