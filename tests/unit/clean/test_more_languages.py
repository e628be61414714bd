"""Kinds that newsrooms send every day, in languages of which no article is written out."""

import pytest

from tests.cleaning import clean

BODY = (
    "The town of Tidewell elects a new council in June, and four parties stand in every ward of it.",
    "The Harbour Party wants a second surgery in the lower town that is open until eight in the evening.",
    "All four want to repair the roof of the school in Mill Lane, into which it has rained since 2019.",
)
GREEK = (
    "Η πόλη του Τάιντγουελ εκλέγει τον Ιούνιο νέο συμβούλιο και σε κάθε συνοικία κατεβαίνουν τέσσερα κόμματα.",
    "Το κόμμα του λιμανιού θέλει δεύτερο ιατρείο στην κάτω πόλη, ανοιχτό ως τις οκτώ το βράδυ.",
    "Και τα τέσσερα θέλουν να επισκευάσουν τη στέγη του σχολείου, που στάζει εδώ και χρόνια.",
)
JAPANESE = (
    "タイドウェル市は六月に新しい議会を選び、どの地区でも四つの政党が候補者を立てる。",
    "港の党は、下町に夜八時まで開いている二つ目の診療所をつくることを求めている。",
    "四党とも、何年も雨漏りが続く水車通りの学校の屋根を直したいとしている。",
)
ARABIC = (
    "تنتخب مدينة تايدويل مجلسا جديدا في يونيو، وتتنافس أربعة أحزاب في كل حي من أحيائها.",
    "يريد حزب الميناء عيادة ثانية في المدينة السفلى تبقى مفتوحة حتى الثامنة مساء.",
    "تريد الأحزاب الأربعة إصلاح سقف المدرسة في شارع الطاحونة الذي يتسرب منه المطر منذ سنوات.",
)


def text(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs)


@pytest.mark.parametrize(
    ("lead", "place", "agency"),
    [
        ("Jakarta (ANTARA) - ", "Jakarta", "ANTARA"),
        ("BRUSSEL (BELGA) - ", "BRUSSEL", "Belga"),
        ("Bern, 12.03. (sda) - ", "Bern, 12.03", "SDA"),
        ("Roma, 12 mar. (LaPresse) - ", "Roma, 12 mar", "LaPresse"),
        ("BRATISLAVA 12. marca (TASR) - ", "BRATISLAVA 12. marca", "TASR"),
        ("София, 12 март (БТА) - ", "София, 12 март", "БТА"),
        ("ΑΘΗΝΑ (ΑΠΕ-ΜΠΕ) - ", "ΑΘΗΝΑ", "ΑΠΕ-ΜΠΕ"),
        ("Київ. 12 березня. УНІАН. ", "Київ. 12 березня", "УНІАН"),
        ("Tehran, IRNA – ", "Tehran", "IRNA"),
        ("TORONTO, ON / ACCESS Newswire / March 12, 2026 / ", "TORONTO, ON", "ACCESSWIRE"),
        ("SINGAPORE - Media OutReach Newswire - 12 March 2026 - ", "SINGAPORE", "Media OutReach Newswire"),
        ("HONG KONG, March 12, 2026 - (ACN Newswire) - ", "HONG KONG, March 12, 2026", "ACN Newswire"),
        ("【ソウル聯合ニュース】", "ソウル", "聯合ニュース"),
        ("القاهرة - 12 مارس (أ ف ب) - ", "القاهرة - 12 مارس", "أ ف ب"),
    ],
)
def test_a_dateline_of_more_agencies_is_told(lead: str, place: str, agency: str) -> None:
    article = clean(text(lead + BODY[0], *BODY[1:]), "text/plain", title="Tidewell")
    assert (article.paragraphs, article.dateline, article.agency) == (BODY, place, agency)


@pytest.mark.parametrize(
    "sentence",
    [
        "Marta Quill, IRNA said, walked along the quay of Tidewell - and nobody saw her until noon.",
        "The road / the lane / the quay of 1911 / were closed on Monday, the council of Tidewell said.",
        "Tidewell - a town of 12 wards - wants to repair the roof of its school by the end of June.",
    ],
)
def test_dashes_and_commas_without_an_agency_are_no_dateline(sentence: str) -> None:
    article = clean(text(sentence, *BODY[1:]), "text/plain", title="Tidewell")
    assert article.paragraphs == (sentence, *BODY[1:])
    assert article.agency is None


@pytest.mark.parametrize(
    ("body", "note", "agency"),
    [
        (BODY, " (ANTARA)", "ANTARA"),
        (GREEK, " (ΑΠΕ-ΜΠΕ)", "ΑΠΕ-ΜΠΕ"),
        (ARABIC, " (وفا)", "وفا"),
        (BODY, " (Tidepress)", None),
        (GREEK, " (γέλια)", None),
        (JAPANESE, "（拍手）", None),
    ],
)
def test_the_last_paragraph_stays_when_a_word_in_brackets_follows(
    body: tuple[str, ...], note: str, agency: str | None
) -> None:
    article = clean(text(*body[:-1], body[-1] + note), "text/plain", title="Tidewell")
    assert article.paragraphs == (*body[:-1], body[-1] if agency else body[-1] + note)
    assert article.agency == agency


@pytest.mark.parametrize(
    ("body", "questions", "answers"),
    [
        (GREEK, ("Γιατί μείνατε;", "Μετανιώνετε για κάτι;"), ("Όχι.", "Ναι.")),
        (JAPANESE, ("なぜ残ったのですか。", "後悔はありますか。"), ("いいえ。", "はい。")),
    ],
)
def test_questions_without_a_question_mark_make_an_interview(
    body: tuple[str, ...], questions: tuple[str, str], answers: tuple[str, str]
) -> None:
    spoken = (body[0], questions[0], body[1], questions[1], answers[0], questions[0], answers[1], body[2])
    assert clean(text(*spoken), "text/plain", title="Tidewell").paragraphs == spoken


def test_a_headline_that_asks_in_greek_is_the_title() -> None:
    article = clean(text("Ποιος θα επισκευάσει τη στέγη του σχολείου;", *GREEK), "text/plain")
    assert article.title == "Ποιος θα επισκευάσει τη στέγη του σχολείου;"
    assert article.paragraphs == GREEK


@pytest.mark.parametrize(
    ("lead", "items"),
    [
        ("The main points:", ("The ticket costs four crowns", "The lock opens at seven", "Dogs travel free")),
        ("De viktigaste punkterna:", ("Biljetten kostar fyra kronor", "Slussen öppnar sju", "Hundar åker gratis")),
        ("要点如下：", ("船票四克朗", "水闸七点开放", "狗免费乘船")),
    ],
)
def test_a_list_that_ends_a_brief_text_stays_with_the_line_that_leads_to_it(lead: str, items: tuple[str, ...]) -> None:
    listed = tuple(f"- {item}" for item in items)
    article = clean("\n".join((*BODY, lead, *listed, "Share")), "text/plain", title="Tidewell")
    assert article.paragraphs == (*BODY, lead, *listed)
    links = clean("\n".join((*BODY, "Read more:", *listed)), "text/plain", title="Tidewell")
    assert links.paragraphs == BODY


@pytest.mark.parametrize(
    "consent",
    [
        "Vi använder kakor för att förbättra webbplatsen. Genom att fortsätta godkänner du vår integritetspolicy.",
        "Vi bruger cookies til at forbedre siden. Ved at fortsætte accepterer du vores privatlivspolitik.",
        "Vi bruker informasjonskapsler for å gi deg en bedre opplevelse. Ved å fortsette godtar du reglene.",
        "Käytämme evästeitä sivuston parantamiseksi. Jatkamalla hyväksyt tietosuojakäytäntömme.",
        "Používáme soubory cookie ke zlepšení webu. Pokračováním souhlasíte se zásadami ochrany osobních údajů.",
        "Мы используем файлы cookie, чтобы улучшить сайт. Продолжая, вы соглашаетесь с политикой.",
        "Ми використовуємо файли cookie, щоб покращити сайт. Продовжуючи, ви погоджуєтеся з політикою.",
        "Χρησιμοποιούμε cookies για να βελτιώσουμε τον ιστότοπο. Συνεχίζοντας αποδέχεστε την πολιτική απορρήτου.",
        "Sütiket használunk az oldal fejlesztéséhez. A folytatással elfogadja adatvédelmi szabályzatunkat.",
        "Folosim cookie-uri pentru a îmbunătăți site-ul. Continuând, sunteți de acord cu politica noastră.",
        "Kami menggunakan cookie untuk meningkatkan situs. Dengan melanjutkan, Anda menyetujui kebijakan kami.",
        "我们使用Cookie来改善网站。继续浏览即表示您同意我们的隐私政策。",
        "نستخدم ملفات تعريف الارتباط لتحسين الموقع. بمتابعتك فإنك توافق على سياسة الخصوصية.",
    ],
)
def test_a_request_for_consent_is_no_part_of_the_article(consent: str) -> None:
    for lines in ((consent, *BODY), (*BODY, consent)):
        assert clean(text(*lines), "text/plain", title="Tidewell").paragraphs == BODY


@pytest.mark.parametrize(
    "foot",
    [
        "A {} bejegyzés először {}-án jelent meg.",
        "L'entrada {} ha aparegut primer a {}.",
        "Článok {} je zobrazený ako prvý na {}.",
        "Objava {} pojavila se prvi puta na {}.",
    ],
)
def test_what_a_feed_says_of_its_origin_is_no_part_of_the_article(foot: str) -> None:
    said = foot.format('<a href="https://t.example/a">Tidewell votes</a>', '<a href="https://t.example">Echo</a>')
    html = "".join(f"<p>{paragraph}</p>" for paragraph in (*BODY, said))
    assert clean(html, "text/html").paragraphs == BODY
