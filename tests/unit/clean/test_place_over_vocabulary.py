"""Vocabulary never outvotes place: what a site calls its sections stays where it heads a part of an article."""

import pytest

from services.extract.clean.article import CleanArticle
from tests.cleaning import clean

# of each language: three paragraphs, three one-word headings, a question, a short answer
TEXTS = {
    "en": (
        "The town of Tidewell elects a new council in June, and four parties stand in every ward of it.",
        "The Harbour Party wants a second surgery in the lower town that is open until eight in the evening.",
        "All four want to repair the roof of the school in Mill Lane, into which it has rained since 2019.",
        ("Health", "Education", "Opinion"),
        ("What do you think?", "Do you have any regrets?", "Why are your windows open?"),
        ("No.", "Yes."),
    ),
    "de": (
        "Die Stadt Tidewell wählt im Juni einen neuen Rat, und in jedem Bezirk treten vier Parteien dazu an.",
        "Die Hafenpartei will eine zweite Praxis in der Unterstadt, die bis acht Uhr abends geöffnet ist.",
        "Alle vier wollen das Dach der Schule in der Mühlengasse reparieren, in die es seit Jahren regnet.",
        ("Gesundheit", "Wirtschaft", "Hintergrund"),
        ("Was denken Sie darüber?", "Haben Sie jemals ans Aufhören gedacht?", "Was meinen Sie damit?"),
        ("Nein.", "Ja."),
    ),
    "fr": (
        "La ville de Tidewell élit un nouveau conseil en juin, et quatre partis se présentent dans chaque quartier.",
        "Le parti du port veut un second cabinet dans la ville basse, ouvert jusqu’à huit heures du soir.",
        "Tous les quatre veulent réparer le toit de l’école de la rue du Moulin, où il pleut depuis des années.",
        ("Santé", "Économie", "Culture"),
        ("Qu’en pensez-vous aujourd’hui ?", "Avez-vous des regrets ?", "Pourquoi êtes-vous restée ?"),
        ("Non.", "Oui."),
    ),
    "es": (
        "La ciudad de Tidewell elige en junio un nuevo concejo, y cuatro partidos se presentan en cada barrio.",
        "El partido del puerto quiere un segundo consultorio en la ciudad baja, abierto hasta las ocho de la tarde.",
        "Los cuatro quieren reparar el tejado de la escuela de la calle del Molino, donde llueve desde hace años.",
        ("Salud", "Economía", "Cultura"),
        ("¿Qué opina usted de eso?", "¿Se arrepiente de algo?", "¿Por qué se quedó?"),
        ("No.", "Sí."),
    ),
    "it": (
        "La città di Tidewell elegge a giugno un nuovo consiglio, e quattro partiti si presentano in ogni quartiere.",
        "Il partito del porto vuole un secondo ambulatorio nella città bassa, aperto fino alle otto di sera.",
        "Tutti e quattro vogliono riparare il tetto della scuola di via del Mulino, dove piove da molti anni.",
        ("Salute", "Economia", "Cultura"),
        ("Che cosa ne pensa lei?", "Ha dei rimpianti?", "Perché è rimasta?"),
        ("No.", "Sì."),
    ),
    "pt": (
        "A cidade de Tidewell elege em junho um novo conselho, e quatro partidos apresentam-se em cada bairro.",
        "O partido do porto quer um segundo consultório na cidade baixa, aberto até às oito horas da noite.",
        "Os quatro querem reparar o telhado da escola da rua do Moinho, onde chove há muitos e longos anos.",
        ("Saúde", "Economia", "Cultura"),
        ("O que acha disso hoje?", "Tem algum arrependimento?", "Porque ficou?"),
        ("Não.", "Sim."),
    ),
    "nl": (
        "De stad Tidewell kiest in juni een nieuwe raad, en in elke wijk doen er vier partijen aan mee.",
        "De havenpartij wil een tweede praktijk in de benedenstad, die tot acht uur in de avond open is.",
        "Alle vier willen het dak van de school in de Molensteeg repareren, waar het al jaren doorheen regent.",
        ("Gezondheid", "Economie", "Cultuur"),
        ("Wat vindt u daar nu van?", "Heeft u ergens spijt van?", "Waarom bleef u?"),
        ("Nee.", "Ja."),
    ),
    "pl": (
        "Miasto Tidewell wybiera w czerwcu nową radę, a w każdym okręgu startują w tym roku cztery partie.",
        "Partia portowa chce drugiej przychodni w dolnym mieście, która będzie otwarta do ósmej wieczorem.",
        "Wszystkie cztery chcą naprawić dach szkoły przy ulicy Młyńskiej, przez który od lat leje się deszcz.",
        ("Zdrowie", "Gospodarka", "Kultura"),
        ("Co pani o tym dzisiaj myśli?", "Czy czegoś pani żałuje?", "Dlaczego pani została?"),
        ("Nie.", "Tak."),
    ),
}


def plain(*lines: str) -> CleanArticle:
    return clean("\n\n".join(lines), "text/plain", title="Another heading that stands nowhere")


def page(body: str, language: str = "en") -> CleanArticle:
    menu = "".join(f"<li><a href=/{name}>{name}</a></li>" for name in ("Home", "Health", "Wirtschaft", "Cultura"))
    head = "<title>The keeper says goodbye | Tidewell Echo</title>"
    html = f"<html lang={language}><head>{head}</head><body><ul>{menu}</ul><h1>The keeper says goodbye</h1><article>"
    return clean(f"{html}{body}</article><footer><p>Contact</p><p>Imprint</p></footer></body></html>", "text/html")


@pytest.mark.parametrize("language", TEXTS)
def test_a_heading_that_is_a_section_s_name_stays_between_paragraphs(language: str) -> None:
    first, second, third, headings, *_ = TEXTS[language]
    for heading in headings:
        assert plain(first, heading, second, third).paragraphs == (first, heading, second, third)
        body = f"<p>{first}</p><h2>{heading}</h2><p>{second}</p><p>{third}</p>"
        assert heading in page(body, language).paragraphs


@pytest.mark.parametrize("language", TEXTS)
def test_the_names_of_sections_one_below_the_other_are_navigation(language: str) -> None:
    first, second, third, headings, *_ = TEXTS[language]
    assert plain(*headings, first, second, third, *headings).paragraphs == (first, second, third)


@pytest.mark.parametrize("language", TEXTS)
def test_the_questions_and_short_answers_of_an_interview_stay(language: str) -> None:
    first, second, third, _, questions, (no, yes) = TEXTS[language]
    lines = (
        first,
        questions[0],
        second,
        questions[1],
        no,
        questions[2],
        third,
        questions[1],
        yes,
        "Karsholm. " + first,
    )
    assert plain(*lines).paragraphs == lines
    marked = "".join(f"<p><b>{line}</b></p>" if line.endswith("?") else f"<p>{line}</p>" for line in lines)
    assert page(marked, language).paragraphs == lines


def test_the_same_question_may_be_asked_again() -> None:
    question = "And what would you like to say to the young people who may follow you one day?"
    first, second, third = TEXTS["en"][:3]
    lines = (first, question, second, question, third)
    assert plain(*lines).paragraphs == lines


def test_a_question_to_the_readers_at_the_end_is_a_prompt() -> None:
    lines = TEXTS["en"][:3]
    assert plain(*lines, "What do you think?").paragraphs == lines


@pytest.mark.parametrize(
    "heading",
    ["By Train", "By Ferry", "Von Möwen und Menschen", "Aus Holz und Eisen", "Par amour", "Di mare e di terra"],
)
def test_a_heading_that_begins_as_a_byline_does_is_none(heading: str) -> None:
    first, second, third = TEXTS["en"][:3]
    article = plain(first, heading, second, third)
    assert article.paragraphs == (first, heading, second, third)
    assert article.byline is None


def test_a_byline_below_the_standfirst_is_still_one() -> None:
    first, second, third = TEXTS["en"][:3]
    article = plain(first, "By Odile Farrow", second, third)
    assert (article.byline, article.paragraphs) == ("Odile Farrow", (first, second, third))


def test_a_name_that_an_agency_has_too_may_head_a_part() -> None:
    first, second, third = TEXTS["en"][:3]
    assert plain(first, "Petra", second, third).paragraphs == (first, "Petra", second, third)
    assert plain(first, second, third, "Reuters").agency == "Reuters"


LINES = ("The winners of the county’s prize for kitchens were named at the town hall on Monday night:",)


@pytest.mark.parametrize("tag", ["ul", "ol"])
def test_a_list_that_ends_the_article_stays_as_a_whole(tag: str) -> None:
    first, second, third = TEXTS["en"][:3]
    winners = ("Bakery of the year: Brothers Marek, Brackwater", "Best soup: Helga’s, Tidewell", "A guard at night")
    items = "".join(f"<li>{winner}</li>" for winner in winners)
    article = page(f"<p>{first}</p><p>{second}</p><p>{third}</p><p>{LINES[0]}</p><{tag}>{items}</{tag}>")
    assert article.paragraphs == (first, second, third, *LINES, *winners)


def test_the_headline_above_a_text_is_its_title_also_as_a_question() -> None:
    paragraphs = TEXTS["en"][:3]
    for headline in ("Four parties stand in every ward", "Why does it rain into the school?"):
        article = clean("\n\n".join((headline, *paragraphs)), "text/plain")
        assert (article.title, article.paragraphs) == (headline, paragraphs)


def test_a_thai_paragraph_needs_no_full_stop() -> None:
    lines = (
        "สะพานหมุนที่ไทด์เวลล์จะปิดต่อไปจนถึงฤดูใบไม้ร่วง สำนักงานท่าเรือแจ้งเมื่อวันพฤหัสบดี",
        "ตลับลูกปืนหล่อขึ้นในปีที่ผ่านมาที่โรงหล่อซึ่งไม่มีอยู่แล้วในเมืองนี้",
        "สภาจะตัดสินในวันจันทร์ว่าเรือข้ามฟากจะวิ่งจนถึงเที่ยงคืนได้หรือไม่",
    )
    assert plain(*lines).paragraphs == lines
