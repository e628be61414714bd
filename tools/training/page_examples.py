"""Training examples of the page classifier, from a pack of articles as HTML."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.extract.clean.classifier import page_classifier
from services.extract.clean.html.blocks import Page, read
from services.extract.clean.html.elements import parse
from services.extract.clean.html.page_metadata import Head, head_of
from services.extract.clean.rules.line_facts import Rules, describe
from tools.training.alignment import align
from tools.training.fitting import Text
from tools.training.gradients import Plan
from tools.training.line_examples import cut_off

FIELDS = ("html",)
PLAN = Plan(  # there are fewer pages than texts: more is left out each time, so that what is learned holds elsewhere
    members=2,
    publishers=20,
    hidden=64,
    epochs=8,
    decay=1.0,
    drop_input=0.3,
    drop_words=(0.7, 0.5),
    drop_each=0.4,
    drop_hidden=0.5,
)


def texts(records: Sequence[Mapping[str, Any]], rules: Rules) -> Iterator[Text]:
    """Yield each page of a pack, and again as if it had said nothing of itself.

    Pages whose expected text was evidently cut off teach nothing and are left out.
    """
    for record in records:
        tree = parse(record.get("html") or "")
        page = read(tree) if tree is not None else Page()
        if not page.lines:
            continue
        labels = align([line.text for line in page.lines], record["expected_paragraphs"])
        for head in (head_of(tree, rules.vocabulary), Head()):
            if text := _text(record["publisher"], page, labels, head, rules):
                yield text


def _text(publisher: str, page: Page, labels: Sequence[int], head: Head, rules: Rules) -> Text | None:
    region = page_classifier.region_of(page, head)
    facts = describe(region.lines, head.title, rules)
    belongs = [labels[index] for index in region.near]
    if cut_off(facts, belongs):
        return None
    rows, buckets = page_classifier.dense(region, facts, head.title), page_classifier.buckets(region, facts)
    return Text(publisher, rows, buckets, [line.words for line in facts], belongs)
