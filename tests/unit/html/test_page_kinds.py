"""Pages of kinds: accordions, consent dialogs, pull quotes, the next article, the body in JSON-LD; and feeds."""

import json

import pytest

from services.extract.clean.article import CleanArticle
from shared.errors import Rejected
from tests.cleaning import clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
TOLL = "Skippers of all other boats pay four crowns at the lock house and get a stamp for their log book."
BODY = (LOCK, WORKS, BOATS, TOLL)
TITLE = "Mayor opens the new lock of Tidewell"


def page(body: str, head: str = "") -> CleanArticle:
    menu = "".join(f"<li><a href=/{name}>{name}</a></li>" for name in ("Home", "News", "Sport", "Weather"))
    foot = "<footer><ul><li><a href=/c>Contact</a></li><li><a href=/i>Imprint</a></li></ul></footer>"
    top = f"<title>{TITLE} | Tidewell Echo</title><meta property=og:title content='{TITLE}'>{head}"
    return clean(f"<html><head>{top}</head><body><ul>{menu}</ul><main>{body}</main>{foot}</body></html>", "text/html")


def paragraphs(*texts: str) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


ANSWER = "A lock keeper opens the gates every fifteen minutes between six and eight, and then once an hour."


@pytest.mark.parametrize(
    "panel",
    [
        f"<h3><button aria-expanded=false>How do I get through?</button></h3><div hidden><p>{ANSWER}</p></div>",
        f"<h3>How do I get through?</h3><div class=accordion-panel style='display:none'><p>{ANSWER}</p></div>",
        f"<details><summary>How do I get through?</summary><p>{ANSWER}</p></details>",
    ],
)
def test_what_opens_at_a_click_within_the_article_is_read(panel: str) -> None:
    article = page(f"<article><h1>{TITLE}</h1>{paragraphs(LOCK, WORKS)}{panel}{paragraphs(BOATS, TOLL)}</article>")
    assert article.paragraphs == (LOCK, WORKS, "How do I get through?", ANSWER, BOATS, TOLL)


def test_the_prose_of_a_consent_dialog_is_no_article() -> None:
    consent = (
        "We and our partners process data to provide precise geolocation and to scan device characteristics.",
        "You may change your choices at any time, and you have the right to object to such a processing of data.",
    )
    article = page(f"<div role=dialog class=consent>{paragraphs(*consent)}</div><h1>{TITLE}</h1>{paragraphs(*BODY)}")
    assert article.paragraphs == BODY


@pytest.mark.parametrize("name", ["wp-caption-text", "image-caption", "photo__caption", "caption-text"])
def test_a_caption_is_known_by_its_class(name: str) -> None:
    caption = f"<p class='{name}'>The lock on the morning before it was opened.</p>"
    article = page(f"<article><h1>{TITLE}</h1>{paragraphs(LOCK, WORKS)}{caption}{paragraphs(BOATS, TOLL)}</article>")
    assert article.paragraphs == BODY
    assert [caption.text for caption in article.captions] == ["The lock on the morning before it was opened."]


def test_a_pull_quote_and_the_line_below_it_are_no_paragraphs() -> None:
    quote = "“A lock that opens by itself is no lock”"
    said = f"{quote}, said the mayor at the end of her speech, and the people laughed and clapped their hands."
    aside = f"<aside class=pull-quote><p>{quote}</p><p>Marta Quillfeather, mayor</p></aside>"
    article = page(f"<article><h1>{TITLE}</h1>{paragraphs(LOCK, WORKS)}{aside}{paragraphs(said, BOATS)}</article>")
    assert article.paragraphs == (LOCK, WORKS, said, BOATS)


def test_the_next_article_on_the_page_is_not_this_one() -> None:
    other = (
        "Part of the roof of the school in Ostrel came down in the storm on Wednesday night, the police said.",
        "Nobody was hurt, because the caretaker of the school had locked the building an hour before the storm.",
    )
    following = f"<article><h1>Storm closes the school in Ostrel</h1>{paragraphs(*other)}</article>"
    article = page(f"<article><h1>{TITLE}</h1>{paragraphs(*BODY)}</article>{following}")
    assert article.paragraphs == BODY


def stated(body: str) -> str:
    node = {"@type": "NewsArticle", "headline": TITLE, "articleBody": body}
    return f"<script type='application/ld+json'>{json.dumps(node)}</script>"


@pytest.mark.parametrize("body", ["\n\n".join(BODY), "".join(f"<p>{text}</p>" for text in BODY)])
def test_text_that_only_json_ld_holds_is_read_from_there(body: str) -> None:
    article = page(f"<h1>{TITLE}</h1><p>{LOCK}</p><div>Subscribe now</div>", stated(body))
    assert article.paragraphs == BODY
    by_rule = {entry.rule: entry.text for entry in article.removed if entry.rule == "article_body"}
    assert by_rule == {"article_body": "The text is the articleBody of the page's JSON-LD."}
    assert LOCK in {entry.text for entry in article.removed}


def test_a_page_that_a_script_renders_has_the_text_of_its_json_ld() -> None:
    head = f"<title>{TITLE}</title>{stated(chr(10).join(BODY))}"
    empty = f"<html><head>{head}</head><body><div id=root></div></body></html>"
    assert clean(empty, "text/html").paragraphs == BODY
    with pytest.raises(Rejected, match="shows no text"):
        clean(empty.replace("articleBody", "description"), "text/html")


def test_a_summary_in_json_ld_does_not_replace_the_article() -> None:
    assert page(f"<h1>{TITLE}</h1>{paragraphs(*BODY)}", stated(LOCK)).paragraphs == BODY


@pytest.mark.parametrize(
    "line",
    [
        "The post <a href=x>Mayor opens lock</a> appeared first on <a href=y>Tidewell Echo</a>.",
        "Der Beitrag <a href=x>Schleuse offen</a> erschien zuerst auf <a href=y>Tidewell Echo</a>.",
        "L’article <a href=x>Écluse ouverte</a> est apparu en premier sur <a href=y>Tidewell Echo</a>.",
        "La entrada <a href=x>Esclusa abierta</a> se publicó primero en <a href=y>Tidewell Echo</a>.",
        "L'articolo <a href=x>Chiusa aperta</a> proviene da <a href=y>Tidewell Echo</a>.",
        "O post <a href=x>Eclusa aberta</a> apareceu primeiro em <a href=y>Tidewell Echo</a>.",
        "Het bericht <a href=x>Sluis open</a> verscheen eerst op <a href=y>Tidewell Echo</a>.",
        "Artykuł <a href=x>Śluza otwarta</a> pochodzi z serwisu <a href=y>Tidewell Echo</a>.",
        "Сообщение <a href=x>Шлюз открыт</a> появились сначала на <a href=y>Tidewell Echo</a>.",
        "Запис <a href=x>Шлюз відкрито</a> спершу з'явився на <a href=y>Tidewell Echo</a>.",
        "Inlägget <a href=x>Slussen öppen</a> dök först upp på <a href=y>Tidewell Echo</a>.",
        "Příspěvek <a href=x>Plavební komora</a> se nejdříve objevil na <a href=y>Tidewell Echo</a>.",
        "<strong><a href=x>Читайте также: Шторм закрыл школу в Остреле</a></strong>",
        "<b>Lue myös:</b> <a href=x>Myrsky sulki koulun Ostrelissa</a>",
        "<a href=x>Storm closes the school in Ostrel for the rest of the week</a>",
        "Διαβάστε επίσης: <a href=x>Καταιγίδα έκλεισε το σχολείο</a>",
    ],
)
def test_what_a_feed_adds_to_its_articles_goes(line: str) -> None:
    article = clean(f"{paragraphs(LOCK, WORKS)}<p>{line}</p>{paragraphs(BOATS, TOLL)}", "text/html", title=TITLE)
    assert article.paragraphs == BODY


def test_a_sentence_with_a_link_in_a_feed_stays() -> None:
    linked = WORKS.replace("Brackwater Engineering", "<a href=x>Brackwater Engineering</a>")
    said = f"{paragraphs(LOCK)}<p>{linked}</p>{paragraphs(BOATS)}<p>The post office of Tidewell is closed today.</p>"
    article = clean(said, "text/html", title=TITLE)
    assert article.paragraphs == (LOCK, WORKS, BOATS, "The post office of Tidewell is closed today.")
