"""Datelines and what paragraphs are signed with, in the forms of the agencies; and credits that are none."""

import pytest

from services.extract.clean.article import CleanArticle
from services.extract.clean.rules.agencies import dateline_of, signature_of
from services.extract.clean.text import tokens
from tests.cleaning import RULES, clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."


def plain(*lines: str) -> CleanArticle:
    return clean("\n\n".join(lines), "text/plain", title="Another heading that stands nowhere")


@pytest.mark.parametrize(
    ("dateline", "place", "agency"),
    [
        ("Tidewell, 12 mar (EFE).- ", "Tidewell, 12 mar", "EFE"),
        ("Tidewell (Valdoria), 12 mar (EFE).- ", "Tidewell (Valdoria), 12 mar", "EFE"),
        ("MADRID, 12 Mar. (EUROPA PRESS) - ", "MADRID, 12 Mar", "Europa Press"),
        ("Tidewell (dpa) - ", "Tidewell", "dpa"),
        ("Tidewell/Ostrel (dpa/tmn) - ", "Tidewell/Ostrel", "dpa"),
        ("Tidewell (dpa-AFX) - ", "Tidewell", "dpa"),
        ("Wien (APA) - ", "Wien", "APA"),
        ("(ANSA) - TIDEWELL, 12 MAR - ", "TIDEWELL, 12 MAR", "ANSA"),
        ("Paris, 12 mars 2026 (AFP) - ", "Paris, 12 mars 2026", "AFP"),
        ("Lisboa, 12 mar 2026 (Lusa) – ", "Lisboa, 12 mar 2026", "Lusa"),
        ("AMSTERDAM (ANP) - ", "AMSTERDAM", "ANP"),
        ("Warszawa (PAP) - ", "Warszawa", "PAP"),
        ("МОСКВА, 12 марта. /ТАСС/. ", "МОСКВА, 12 марта", "ТАСС"),
        ("MOSCOW, March 12. /TASS/. ", "MOSCOW, March 12", "TASS"),
        ("МОСКВА, 12 мар - РИА Новости. ", "МОСКВА, 12 мар", "РИА Новости"),
        ("(타이드웰=연합뉴스) 홍길순 기자 = ", "타이드웰", "연합뉴스"),
        ("[타이드웰=뉴시스] 홍길순 기자 = ", "타이드웰", "뉴시스"),
        ("SEOUL, March 12 (Yonhap) -- ", "SEOUL, March 12", "Yonhap"),
        ("TOKYO, March 12 (Kyodo) -- ", "TOKYO, March 12", "Kyodo"),
        ("【東京共同】", "東京", "共同"),
        ("【3月12日 AFP】", "3月12日", "AFP"),
        ("［東京　１２日　ロイター］ - ", "東京 １２日", "ロイター"),
        ("新华社北京3月12日电（记者李明）", "北京3月12日", "新华社"),
        ("中新社北京3月12日电 ", "北京3月12日", "中新社"),
        ("BEIJING, March 12 (Xinhua) -- ", "BEIJING, March 12", "Xinhua"),
        ("TIDEWELL, March 12, 2026 /PRNewswire/ -- ", "TIDEWELL, March 12, 2026", "PR Newswire"),
        ("TIDEWELL, Valdoria--(BUSINESS WIRE)--", "TIDEWELL, Valdoria", "Business Wire"),
        ("TIDEWELL, March 12, 2026 (GLOBE NEWSWIRE) -- ", "TIDEWELL, March 12, 2026", "GlobeNewswire"),
        ("New Delhi, Mar 12 (PTI) ", "New Delhi, Mar 12", "PTI"),
        ("New Delhi [India], March 12 (ANI): ", "New Delhi [India], March 12", "ANI"),
    ],
)  # fmt: skip
def test_a_dateline_is_parted_from_the_sentence(dateline: str, place: str, agency: str) -> None:
    article = plain(dateline + LOCK, WORKS)
    assert (article.dateline, article.agency, article.paragraphs) == (place, agency, (LOCK, WORKS))


@pytest.mark.parametrize(
    "text",
    [
        "He said on 12 March (AFP) The bridge was closed.",
        "Brücke (dpa) im Bau.",
        "Der Minister - so hört man - kommt am Montag.",
        "The school (built in 1958) - the oldest of the town - has a new roof.",
        "Between 9/11 and today, the port/harbour has grown.",
    ],
)
def test_a_sentence_with_brackets_and_dashes_has_no_dateline(text: str) -> None:
    assert dateline_of(text, tokens(text), RULES.agencies) is None


@pytest.mark.parametrize(
    ("signature", "rule", "agency"),
    [
        ("(dpa)", "agency", "dpa"),
        ("(dpa/lno)", "agency", "dpa"),
        ("dpa/lno", "agency", "dpa"),
        ("(PTI)", "agency", "PTI"),
        ("— Reuters", "agency", "Reuters"),
        ("EFE", "agency", "EFE"),
        ("(AFP/Reuters)", "agency", "AFP/Reuters"),
        ("(mz/jk)", "sign_off", None),
        ("(mz)", "sign_off", None),
        ("（完）", "sign_off", None),
        ("(終わり)", "sign_off", None),
        ("(끝)", "sign_off", None),
        ("-ends-", "sign_off", None),
        ("© RIPRODUZIONE RISERVATA", "copyright", None),
        ("Reproduction interdite", "copyright", None),
        ("Todos los derechos reservados", "copyright", None),
        ("Alle Rechte vorbehalten", "copyright", None),
        ("Wszelkie prawa zastrzeżone", "copyright", None),
        ("무단 전재 및 재배포 금지", "copyright", None),
    ],
)
def test_what_a_paragraph_is_signed_with_does_not_take_it_along(signature: str, rule: str, agency: str | None) -> None:
    article = plain(LOCK, f"{WORKS} {signature}")
    assert (article.paragraphs, article.captions, article.agency) == ((LOCK, WORKS), (), agency)
    assert [(entry.text, entry.rule) for entry in article.removed] == [(signature, rule)]


@pytest.mark.parametrize(
    "text",
    [
        "She works for it. He left.",
        "He asked the AP.",
        "The team of Valdoria won the cup again on Sunday (USA 3, Valdoria 4).",
        "Er forderte am Montag einen Nachdruck der Karte.",
    ],
)
def test_the_end_of_a_sentence_is_no_signature(text: str) -> None:
    assert signature_of(text, RULES.agencies, RULES.vocabulary) is None


@pytest.mark.parametrize(
    "text",
    [
        "“Four thousand people cross that basin every day,” said Sen. Marta Quillfeather (D-PA).",
        "The lock would cost two million crowns, according to its engineers (PA Consulting).",
        "Six in ten adults of the county support the new lock, according to a poll (Reuters/Ipsos).",
        "Laut einer Umfrage sind sechs von zehn Erwachsenen für die neue Schleuse (dpa/Wahlforum).",
        "The oldest copy was put online by a company that sells pictures. It is a stock photo.",
        "Der Verein schrieb am Montag, es handle sich bei der Aufnahme um ein Symbolbild.",
        "The owner wrote that he had taken the picture of the lock for a file photo.",
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_sentence_of_the_article_is_no_caption(text: str, last: bool) -> None:
    lines = (LOCK, WORKS, text) if last else (LOCK, text, WORKS)
    article = plain(*lines)
    assert (article.paragraphs, article.captions) == (lines, ())


@pytest.mark.parametrize(
    "line",
    ["The quay at dawn (AP Photo/Alma Reed)", "The quay at dawn. (Alma Reed/AP).", "Der Kai am Morgen (Archivbild)"],
)
def test_a_caption_with_its_credit_is_still_one(line: str) -> None:
    article = plain(LOCK, line, WORKS)
    assert article.paragraphs == (LOCK, WORKS)
    assert len(article.captions) == 1
