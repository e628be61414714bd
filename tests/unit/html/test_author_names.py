"""Names of authors in a page's byline: several of them, and particles of surnames in small letters."""

import pytest

from services.extract.clean.rules.bylines import is_name
from tests.cleaning import clean

PAGE = """<html><head><title>Fenwick mayor quits after flood inquiry</title></head><body><article>
<h1>Fenwick mayor quits after flood inquiry</h1><p class="byline">{}</p>
<p>The mayor of Fenwick, Marian Oldcastle, resigned on Thursday after an inquiry into the sea wall of the city.</p>
<p>“I should have listened,” Oldcastle told reporters outside the town hall, and left by the back door.</p>
</article></body></html>"""


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("By Orla Pemberton and Jan de Witt", "Orla Pemberton, Jan de Witt"),
        ("By Orla Pemberton, Jan de Witt and Ana van den Berg", "Orla Pemberton, Jan de Witt, Ana van den Berg"),
        ("Von Anna Kessler und Jan von der Heide", "Anna Kessler, Jan von der Heide"),
        ("Por Lucía Marín y Pedro de la Rosa", "Lucía Marín, Pedro de la Rosa"),
    ],
)
def test_each_author_is_kept_with_the_whole_surname(line: str, names: str) -> None:
    assert clean(PAGE.format(line), "text/html").byline == names


@pytest.mark.parametrize(
    ("label", "byline"), [("Written by", "Orla Pemberton"), ("Escrito por", "Orla Pemberton"), ("Reading time", None)]
)
def test_the_author_that_a_card_for_twitter_names_is_taken(label: str, byline: str | None) -> None:
    card = f'<meta name="twitter:label1" content="{label}"><meta name="twitter:data1" content="Orla Pemberton">'
    page = PAGE.replace('<p class="byline">{}</p>', "").replace("</head>", f"{card}</head>")
    assert clean(page, "text/html").byline == byline


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jan van den Berg", True),
        ("Orla Pemberton", True),
        ("Pemberton", False),
        ("the Council of Fenwick", False),
        ("Fenwick loses its mayor", False),
        ("Jan van", False),
        ("One Two Three Four Five", False),
    ],
)
def test_a_name_has_two_to_four_capitals_and_only_particles_between(text: str, name: bool) -> None:
    assert is_name(text) == name
