"""Invented articles with the noise of real sites, for the demo and for trying things out."""

from importlib.resources import files


def sample_lines() -> list[bytes]:
    """Return the samples as a publisher would send them, one submission each; one of them must be refused."""
    return files(__name__).joinpath("articles.jsonl").read_bytes().splitlines()
