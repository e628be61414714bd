"""How many of our modules a reader has to open who follows one HTML article from ingest to its MongoDB document."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from services.extract import transport
from services.extract.worker_job import open_job
from services.ingest.identity import ingested
from services.store.documents import Write, prepare
from shared.broker.encoded import Undecoded
from shared.decoding import decode
from shared.messages import ArticleExtracted, ArticleSubmitted
from wireroom.testing.factories import BODY, NOON, a_submission

MOST = 52  # what it is now: lower it with every module that goes; 30 is the aim
OURS = ("shared.", "services.", "wireroom.")
PAGE = f"""<html lang="en"><head><title>New lock opens at Tidewell</title>
<meta name="author" content="Odile Farrow"><script type="application/ld+json">{{"@type": "NewsArticle"}}</script></head>
<body><nav><a href="/">Home</a><a href="/news">News</a></nav><article><h1>New lock opens at Tidewell</h1>
<p class="byline">By Odile Farrow</p><p>{BODY.replace(chr(10) * 2, "</p><p>")}</p><p>Subscribe to our newsletter</p>
</article><footer>© 2026 Harbour Gazette. All rights reserved.</footer></body></html>"""


@contextmanager
def crossed(modules: dict[str, int]) -> Iterator[None]:
    """Count meanwhile how often a function of each of our modules is called from another module."""

    def look(frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith(OURS):
            caller = frame.f_back.f_globals.get("__name__", "") if frame.f_back else ""
            modules[name] = modules.get(name, 0) + (caller != name)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)


def test_an_html_article_crosses_few_modules_from_ingest_to_its_document() -> None:
    job = open_job()
    data = a_submission(body=PAGE, media_type="text/html", url="https://harbour-gazette.example/lock").model_dump_json()
    modules: dict[str, int] = {}
    with crossed(modules):
        raw = ingested(decode(data.encode(), ArticleSubmitted), version=1, received_at=NOON)
        [reply] = job([transport.request(Undecoded(raw.source, {}, raw.model_dump_json().encode()), {})])
        encoded, _ = transport.replied(reply)
        write = prepare(decode(encoded.data, ArticleExtracted))
    assert isinstance(write, Write)
    assert write.article.title == "New lock opens at Tidewell"
    assert "Subscribe to our newsletter" not in write.article.text
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(modules.items(), key=lambda each: -each[1]))
    print(f"{len(modules)} modules, {sum(modules.values())} changes of file: {listed}")  # noqa: T201 - the figure
    assert len(modules) <= MOST, f"{len(modules)} modules, at most {MOST}; by how often each is entered: {listed}"
