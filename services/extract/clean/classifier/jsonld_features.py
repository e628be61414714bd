"""Numbers for lines of a page from what it says of its own text: the article's body and its description."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from services.extract.clean.html.layout import Numbers
from services.extract.clean.html.page_metadata import Head
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.text.words import tokens

WIDTH = 6  # numbers in a row
_LONG = 400  # characters; a shorter body is only the beginning of one
_PHRASE = 4  # words; shorter lines are in many a text by chance
_BEGINNING = 5  # words of a description that a line begins with too
_TAG = re.compile(r"<[^<>]*>")


def said(facts: Sequence[Facts], head: Head) -> Numbers:
    """Return a row for each line."""
    body = " ".join(tokens(_TAG.sub(" ", head.text or "")))
    known = len(body) > _LONG
    description = tokens(head.description or "")
    pairs = set(pairwise(description))
    rows = []
    for line in facts:
        found = bool(body) and " ".join(line.tokens) in body
        shared = sum(map(pairs.__contains__, pairwise(line.tokens))) / max(len(line.tokens) - 1, 1) if pairs else 0.0
        begins = bool(pairs) and list(line.tokens[:_BEGINNING]) == description[:_BEGINNING]
        rows.append((known, found and known, found and line.words >= _PHRASE, known and not found, shared, begins))
    return np.array(rows, np.float32)
