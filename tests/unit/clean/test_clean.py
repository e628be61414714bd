"""Plain text becomes an article: what is kept, what is named as removed, and what bad input comes to."""

import textwrap
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract.clean.article import MAX_REMOVED, MAX_REMOVED_CHARS, CleanArticle
from services.extract.clean.text import split, visible
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, Caption
from tests.cleaning import clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
BODY = (LOCK, WORKS, BOATS)


def plain(*lines: str, title: str | None = None) -> CleanArticle:
    return clean("\n\n".join(lines), "text/plain", title=title)


def rules(article: CleanArticle) -> dict[str, str]:
    return {entry.text: entry.rule for entry in article.removed}


def test_clean_text_comes_out_as_it_went_in() -> None:
    assert plain(*BODY) == CleanArticle(None, None, None, None, BODY, (), ())


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Subscribe now", "promo"),
        ("Jetzt den Newsletter abonnieren und nichts mehr verpassen.", "promo"),
        ("Do you want to comment on this story?", "comment_prompt"),
        ("12 Comments", "comment_prompt"),
        ("Please keep to our Comment Policy.", "comment_prompt"),
        ("Lire aussi : Le port rouvre lundi", "related_link"),
        ("Lees ook: De sluis is open", "related_link"),
        ("Continue reading", "read_more"),
        ("Share this article: Facebook | X | Email", "share"),
        ("Condividi su Facebook", "share"),
        ("We use cookies to improve your experience.", "navigation"),
        ("© 2026 Tidewell Echo. All rights reserved.", "copyright"),
        ("Publicidad", "advertisement"),
        ("Reklama", "advertisement"),
        ("Disclaimer: The author owns no shares in Brackwater.", "editor_note"),
        ("(Reporting by Odile Farrow; editing by Ansel Pike)", "sign_off"),
        ("3 de março de 2026 às 14h30", "date_line"),
        ("* * *", "separator"),
    ],
)
def test_a_line_of_the_page_around_the_article_is_removed_by_its_rule(line: str, rule: str) -> None:
    article = plain(*BODY, line)
    assert (article.paragraphs, rules(article)) == (BODY, {line: rule})


def test_a_removed_line_is_named_with_its_number_in_the_body() -> None:
    (entry,) = plain(LOCK, WORKS, "Advertisement", BOATS).removed
    assert (entry.line, entry.rule, entry.text) == (5, "advertisement", "Advertisement")


@pytest.mark.parametrize(
    "sentence",
    [
        (
            "Skippers who want to sign up for the first passage have until Friday noon, the harbour office said, and "
            "they must bring the papers of their boat, the name of a pilot and the fee of forty crowns in coins."
        ),
        "Brackwater changed its privacy policy after the break-in, the council heard on Monday.",
        "Next year the council will look at the second lock.",
        "Follow us on the tow path, the children had shouted, and half of the town did.",
    ],
)
def test_a_sentence_of_the_article_survives_words_that_a_promotion_would_use(sentence: str) -> None:
    assert plain(LOCK, sentence, WORKS).paragraphs == (LOCK, sentence, WORKS)


def test_subheads_and_short_quotes_between_paragraphs_are_kept() -> None:
    lines = (LOCK, "A long wait", WORKS, '"At last."', '"It was high time," she said.', BOATS)
    assert plain(*lines).paragraphs == (LOCK, "A long wait", WORKS, '"It was high time," she said.', BOATS)


def test_links_below_a_heading_are_no_part_of_the_article() -> None:
    links = ("RELATED", "The lock in six pictures", "Who pays for the bridge?")
    article = plain(*BODY, *links)
    assert (article.paragraphs, [entry.text for entry in article.removed]) == (BODY, list(links))


def test_links_between_paragraphs_are_removed_up_to_the_next_paragraph() -> None:
    article = plain(LOCK, WORKS, "RELATED", "The lock in six pictures", BOATS)
    assert (article.paragraphs, rules(article)["The lock in six pictures"]) == (BODY, "related_link")


def test_a_teaser_that_is_cut_off_is_no_paragraph() -> None:
    teaser = "The bridge over the canal at Brackwater will be closed from Monday on because the..."
    assert plain(*BODY, teaser).paragraphs == BODY


def test_a_paragraph_that_lost_its_full_stop_is_kept() -> None:
    last = (
        "The band played until the rain came. Then the children ran on to the bridge and waved at the first boat, "
        "which carried the mayor and her dog"
    )
    assert plain(*BODY, last).paragraphs == (*BODY, last)


def test_the_second_copy_of_a_paragraph_is_removed() -> None:
    article = plain(LOCK, WORKS, BOATS, WORKS)
    assert (article.paragraphs, article.removed[0].rule, article.removed[0].line) == (BODY, "repeat", 7)


def test_paragraphs_that_differ_only_in_numbers_are_no_copies() -> None:
    days = tuple(
        f"On day {day} of the dry summer the lock stood at a level of {day * 3} centimetres." for day in (1, 2, 3)
    )
    assert plain(*days).paragraphs == days


def test_a_line_that_frames_the_article_is_removed_at_both_ends() -> None:
    frame = "The Tidewell Echo has been on the side of its readers for one hundred years."
    article = plain(frame, *BODY, frame)
    assert (article.paragraphs, [entry.rule for entry in article.removed]) == (BODY, ["repeat", "repeat"])


def test_hard_wrapped_text_is_rejoined() -> None:
    wrapped = "\n\n".join(textwrap.fill(paragraph, 60) for paragraph in BODY)
    assert clean(wrapped, "text/plain").paragraphs == BODY


def test_short_lines_are_not_joined() -> None:
    assert clean("\n".join(BODY), "text/plain").paragraphs == BODY


def test_paragraphs_of_like_length_are_not_joined() -> None:
    days = tuple(
        f"The lock stood open for all the boats of the town on the {day}th of the month." for day in range(4, 10)
    )
    assert clean("\n".join(days), "text/plain").paragraphs == days


def test_text_without_line_breaks_is_one_paragraph() -> None:
    assert plain(" ".join(BODY)).paragraphs == (" ".join(BODY),)


def test_all_kinds_of_line_breaks_count() -> None:
    assert clean("\r\n\r\n".join(BODY), "text/plain") == clean("\r\r".join(BODY), "text/plain") == plain(*BODY)


def test_invisible_characters_are_dropped_and_spaces_are_single() -> None:
    dirty = LOCK.replace("new", "n\u00ade\u200bw\x07").replace(" lock", "\u00a0\t lock\ud800\u202e")
    assert plain(f"\ufeff{dirty}", WORKS).paragraphs == (LOCK, WORKS)


def test_japanese_is_kept_although_no_space_parts_its_words() -> None:
    body = (
        "港町ティドウェルで月曜日、新しい水門が開いた。市長のマルタ氏が式典で話した。",
        "工事は四十年にわたって運河を守ってきた会社が担当した。",
        "「長く待った」と市長は述べた。",
    )
    assert plain(*body, "シェア").paragraphs == body


def test_text_that_runs_from_right_to_left_is_kept() -> None:
    body = (
        "افتتحت رئيسة البلدية الهويس الجديد في المدينة يوم الاثنين بعد عامين من الانتظار.",
        "هل ستمر القوارب من أول الشهر القادم كما وعدت رئيسة البلدية الجميع؟",
    )
    assert plain(*body).paragraphs == body


def test_an_article_in_two_languages_is_kept_in_both() -> None:
    body = (
        *BODY,
        "„Wir haben lange gewartet“, sagte der Bürgermeister der Schwesterstadt, der mit dem Schiff gekommen war.",
        "Le maire de la ville voisine a promis de reconstruire lui aussi son écluse avant la fin de l'année.",
        "運河の水門は来月から一般の船にも開放されると市長は述べた。",
    )
    page = ("Tidewell Echo", "Home", "Sport", "Wetter", "Abonnieren", *body, "Share", "Newsletter", "Impressum")
    assert plain(*page).paragraphs == body


@pytest.mark.parametrize("broken", ["cp1252", "latin-1"])
def test_text_that_was_decoded_wrongly_loses_no_paragraph(broken: str) -> None:
    body = tuple(line.replace("new", "“nëw”").encode().decode(broken, errors="replace") for line in BODY)
    page = ("Home", "News", "Sport", *body, "Share", "Print", "Contact")
    assert plain(*page).paragraphs == tuple(map(visible, body))


def test_an_article_from_right_to_left_comes_out_of_its_page() -> None:
    body = (
        "افتتحت رئيسة البلدية الهويس الجديد في المدينة يوم الاثنين بعد عامين من الانتظار الطويل.",
        "وقالت إن القوارب ستمر من أول الشهر القادم كما وعدت الجميع في العام الماضي.",
        "واستغرقت الأعمال أربعين شهرا وشاركت فيها ثلاث شركات من المدن المجاورة.",
    )
    page = ("الرئيسية", "أخبار", "رياضة", *body, "شارك", "طباعة", "اتصل بنا")
    assert plain(*page).paragraphs == body


BOILERPLATE = """
Tidewell Echo
Home
News
Sport
Weather
Sign in
Subscribe
Most read
Storm closes school for a week
Ferry runs again on Sunday
Council argues over the price of parking
Newsletter
Get the best of the Echo in your inbox every morning.
Sign up
We use cookies to improve your experience. You can change your settings at any time.
Accept all
About us
Contact
Imprint
Privacy policy
© 2026 Tidewell Echo. All rights reserved.
"""


@pytest.mark.parametrize("times", [1, 3])
def test_a_page_that_holds_only_furniture_is_no_article(times: int) -> None:
    with pytest.raises(Rejected) as verdict:
        clean(BOILERPLATE * times, "text/plain")
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_an_article_of_one_short_sentence_is_an_article() -> None:
    assert plain("The lock is open.").paragraphs == ("The lock is open.",)


def test_where_nothing_ends_like_a_sentence_the_longer_lines_are_kept() -> None:
    line = "The lock at Tidewell opens on Monday and the mayor will be there"
    assert plain(line, "Tidewell").paragraphs == (line,)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n\t\n",
        "\x00\u200b",
        "Hello",
        "Subscribe now\nSign up\n© 2026 Tidewell Echo. All rights reserved.",
        "A" * 3000,
    ],
)
def test_what_holds_no_article_is_rejected(body: str) -> None:
    with pytest.raises(Rejected) as verdict:
        clean(body, "text/plain")
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_too_many_lines_are_rejected_with_the_number_and_the_limit() -> None:
    with pytest.raises(Rejected, match="30000 lines, at most 20000") as verdict:
        clean("a\n" * 30_000, "text/plain")
    assert verdict.value.reason is Reason.TOO_LARGE


def filled_with(unit: str) -> str:
    return f"{LOCK}\n\n{(unit * (MAX_BODY_BYTES // len(unit.encode())))[:MAX_BODY_BYTES]}"


@pytest.mark.parametrize("unit", [f"{LOCK}\n" * 40 + "\n" * 6000, "( "])
def test_an_article_among_two_megabytes_comes_out_within_seconds(unit: str) -> None:
    started = time.process_time()
    assert clean(filled_with(unit), "text/plain").paragraphs[0].startswith(LOCK)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("unit", [f"{LOCK} ", "Photo: ", "By Jane ", "A, ", "港湾", "AFP/", "a. A"])
def test_two_megabytes_of_text_are_rejected_within_seconds(unit: str) -> None:
    started = time.process_time()
    with pytest.raises(Rejected, match="characters, at most 500000 are read") as verdict:
        clean(filled_with(unit), "text/plain")
    assert verdict.value.reason is Reason.TOO_LARGE
    assert time.process_time() - started < 5


def test_the_list_of_removed_lines_is_bounded_and_counts_the_rest() -> None:
    article = plain(*BODY, *(f"{number} comments" for number in range(MAX_REMOVED + 7)))
    assert len(article.removed) == MAX_REMOVED + 1
    assert (article.removed[-1].rule, article.removed[-1].text) == ("not_listed", "7 more lines")


def test_a_removed_line_of_great_length_is_cut_and_tells_its_length() -> None:
    long = " ".join(BODY * 20)
    (entry,) = plain(*BODY, long, long).removed
    assert entry.text.endswith(f"… ({len(long)} characters)")
    assert len(entry.text) < MAX_REMOVED_CHARS + 30


LINES = st.one_of(
    st.sampled_from(
        [
            *BODY,
            "",
            "TIDEWELL (Reuters) - " + LOCK,
            "Reuters",
            "By Odile Farrow",
            "Picture: ANSEL PIKE/AFP",
            "RELATED",
            "The lock at dawn. Picture: ANSEL PIKE/AFP",
            "The lock at dawn",
            "Subscribe now",
            "Odile Farrow",
            "March 3, 2026",
            "Mayor opens lock",
            "Share",
            "***",
        ]
    ),
    st.text(max_size=60),
)


@given(st.lists(LINES, max_size=25), st.sampled_from([None, "Mayor opens lock"]))
def test_every_line_is_in_the_paragraphs_or_named_as_removed(lines: list[str], title: str | None) -> None:
    body = "\n".join(lines)
    try:
        article = clean(body, "text/plain", title=title)
    except Rejected:
        return
    dateline = next((entry.text for entry in article.removed if entry.rule == "dateline"), "")
    first, *others = article.paragraphs
    listed = [entry.text for entry in article.removed if entry.rule != "dateline"]
    accounted = Counter("".join(text.split()) for text in [dateline + first, *others, *listed])
    assert accounted == Counter("".join(line.text.split()) for line in split(body))


def test_metadata_lines_are_named_as_removed_too() -> None:
    article = plain("By Odile Farrow", "The lock. Picture: ANSEL PIKE/AFP", f"TIDEWELL (AFP) - {LOCK}", WORKS, "AFP")
    assert [entry.rule for entry in article.removed] == ["byline", "caption", "dateline", "agency"]
    assert article == CleanArticle(
        None, "Odile Farrow", "AFP", "TIDEWELL", (LOCK, WORKS), (Caption(text="The lock.", credit="ANSEL PIKE/AFP"),),
        article.removed,
    )  # fmt: skip


def test_a_promotion_that_stands_only_once_above_the_article_is_removed() -> None:
    promotion = "subscribe Read the Echo ad-free. It is C30 for the first month, and you can unsubscribe at any time."
    assert rules(plain(promotion, *BODY)) == {promotion: "promo"}


LONG = tuple(
    text.replace("\n", " ")
    for text in (
        """The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later
than it had been promised.""",
        """The works were carried out by Brackwater Engineering, a well-known company that has kept the
canal for forty years, and they cost the town two million crowns, which is half a million more than the council
had agreed to pay.""",
        """Boats may pass from the first of the month, she told the people who had come to watch her open
the gates, and those that carry the mail pay nothing.""",
        """Skippers of all other boats pay four crowns at the lock house, where they also get a stamp for
their log book.""",
    )
)
LAYOUTS = {
    "wrapped with blank lines": ("\n\n", ""),
    "wrapped without blank lines": ("\n", ""),
    "wrapped with indented first lines": ("\n", "    "),
    "wrapped with CRLF": ("\r\n\r\n", ""),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("width", [70, 72, 80])  # at 76 a last line is as long as any, which only a blank line can tell
def test_wrapped_lines_become_the_paragraphs_that_they_were(layout: str, width: int) -> None:
    between, indent = LAYOUTS[layout]
    body = between.join(textwrap.fill(text, width, initial_indent=indent) for text in LONG)
    assert plain(body, title="Mayor opens the lock").paragraphs == LONG


def test_blocks_that_are_all_indented_are_paragraphs() -> None:
    assert plain("\n".join(f"    {text}" for text in LONG), title="Mayor opens the lock").paragraphs == LONG
