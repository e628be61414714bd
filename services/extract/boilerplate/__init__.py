"""Learning from the stream: the lines that many different articles of one source share are its boilerplate.

What an article shows is taken from its result (``sightings``), counted in one bounded table for each source
(``table``), and kept in a bucket of the broker that all replicas share (``bucket``, ``learner``). Cleaning only ever
sees the outcome, a plain mapping from line to certainty.
"""
