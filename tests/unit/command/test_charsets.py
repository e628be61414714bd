# ruff: noqa: RUF001 - letters of every alphabet
"""A text is read in the encoding that its bytes prove; short and undecided ones are windows-1252."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.charsets import codec_of, decode_text

GERMAN = "Die Drehbrücke über das Becken bleibt gesperrt, heißt es. „Früher fuhr größtenteils niemand“, sagte Köhler."
FRENCH = "Le pont restera fermé jusqu’à l’automne, où l’œuvre sera relevée. « Ça suffit », a dit la maire Hélène Brûlé."
SPANISH = "El puente seguirá cerrado hasta el otoño, dijo ayer la señora Núñez. ¿Quién lo pagará? Nadie lo sabe aún."
POLISH = "Most obrotowy pozostanie zamknięty do jesieni. Źle się stało, że łożyska pękły, powiedział wójt Łukasz Żądło."
CZECH = "Otočný most zůstane uzavřen až do podzimu. Potápěči našli trhliny ve dvou ložiskách, řekla ředitelka přístavu."
HUNGARIAN = (
    "A forgóhíd őszig zárva marad, közölte a kikötő. A búvárok repedéseket találtak; a fűrészmű is leállt, űzte őt."
)
RUSSIAN = "Разводной мост останется закрытым до осени, сообщило управление порта. «Мы знаем», — сказала Марта Беллами."
PLAIN_RUSSIAN = RUSSIAN.replace("—", "-").translate({0xAB: 34, 0xBB: 34})
UKRAINIAN = "Розвідний міст залишиться закритим до осені, повідомило управління порту. Її заява з’явилася у четвер."
GREEK = "Η κινητή γέφυρα θα παραμείνει κλειστή ως το φθινόπωρο, ανακοίνωσε το λιμεναρχείο την Πέμπτη."
TURKISH = "Döner köprü sonbahara kadar kapalı kalacak. Liman müdürlüğü çatlakların dalgıçlarca bulunduğunu söyledi."
LITHUANIAN = (
    "Pasukamas tiltas liks uždarytas iki rudens. Uosto direkcija pranešė, kad įtrūkimų rasta dviejuose guoliuose."
)
HEBREW = "הגשר הנפתח יישאר סגור עד הסתיו, הודיעה הנהלת הנמל ביום חמישי."
ARABIC = "سيبقى الجسر المتحرك مغلقا حتى الخريف، كما أعلنت إدارة الميناء يوم الخميس."
THAI = "สะพานหมุนจะปิดจนถึงฤดูใบไม้ร่วง การท่าเรือกล่าวเมื่อวันพฤหัสบดี"
CHINESE = "潮井港务局星期四表示，旋转桥将关闭到秋天，因为潜水员发现四个轴承中有两个出现裂缝。"
TAIWANESE = "潮井港務局星期四表示，旋轉橋將關閉到秋天，因為潛水員發現四個軸承中有兩個出現裂縫。"
JAPANESE = "港湾局は木曜日、旋回橋を秋まで閉鎖すると発表した。潜水士が四つの軸受けのうち二つに亀裂を見つけたためだ。"
KOREAN = "항만청은 목요일 선개교를 가을까지 폐쇄한다고 밝혔다. 잠수부들이 베어링 네 개 중 두 개에서 균열을 발견했다."

PROVEN = [
    *((GERMAN, "cp1252"), (FRENCH, "cp1252"), (SPANISH, "cp1252")),
    *((POLISH, "iso8859_2"), (POLISH, "cp1250"), (CZECH, "iso8859_2"), (CZECH, "cp1250"), (HUNGARIAN, "iso8859_2")),
    *((RUSSIAN, "cp1251"), (PLAIN_RUSSIAN, "koi8_r"), (PLAIN_RUSSIAN, "cp866"), (PLAIN_RUSSIAN, "iso8859_5")),
    *((UKRAINIAN, "cp1251"), (RUSSIAN.upper(), "cp1251"), (PLAIN_RUSSIAN.upper(), "koi8_r")),
    *((PLAIN_RUSSIAN.lower(), "koi8_r"), (PLAIN_RUSSIAN.lower(), "cp1251")),
    *((UKRAINIAN.replace("’", "'"), "koi8_u"), (GREEK, "cp1253"), (GREEK, "iso8859_7"), (TURKISH, "cp1254")),
    *((LITHUANIAN, "cp1257"), (HEBREW, "cp1255"), (ARABIC, "cp1256"), (THAI, "cp874")),
    *((CHINESE, "gb18030"), (CHINESE, "gbk"), (TAIWANESE, "big5"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp")),
    *((KOREAN, "euc_kr"), (JAPANESE, "iso2022_jp")),
    *((CZECH, encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")),
]


@pytest.mark.parametrize(("text", "encoding"), PROVEN, ids=[f"{encoding} {text[:9]}" for text, encoding in PROVEN])
def test_an_undeclared_text_of_some_lines_is_read_in_its_encoding(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "text", ["Brücke", "Núñez", "Señor Núñez", "déjà", "Ærø", "£5", "São João", "smörgåsbord", "1 °C"]
)
def test_a_short_western_text_is_windows_1252(text: str) -> None:
    assert decode_text(text.encode("cp1252")) == text


@pytest.mark.parametrize(("text", "encoding"), PROVEN[:7] + PROVEN[-9:-6], ids=str)
def test_a_text_that_is_far_longer_than_the_sample_is_read_the_same(text: str, encoding: str) -> None:
    long = "All of this is ASCII. " * 10_000 + f"{text}\n" * 2_000
    assert decode_text(long.encode(encoding)) == long


def test_bytes_that_windows_1252_leaves_out_are_control_characters_as_in_browsers() -> None:
    assert decode_text(f"{GERMAN} {FRENCH} ".encode("cp1252") * 3 + b"\x81") == f"{GERMAN} {FRENCH} " * 3 + "\x81"


DECLARED = [
    ('<meta charset="iso-8859-1">', "cp1252", "l’été"),
    ("<meta http-equiv='Content-Type' content='text/html; charset=koi8-r'>", "koi8_r", "Мост"),
    ('<meta content="text/html; charset=GB2312" http-equiv=Content-Type>', "gb18030", "旋转桥镕"),
    ("<meta charset=Shift_JIS>", "cp932", "橋①"),
    ('<?xml version="1.0" encoding="ISO-8859-2"?>', "iso8859_2", "łóż"),
    ('<meta charset="ks_c_5601-1987">', "cp949", "다리"),
    ('<meta charset="big5">', "big5", "橋"),
]


@pytest.mark.parametrize(("declaration", "encoding", "text"), DECLARED, ids=[encoding for _, encoding, _ in DECLARED])
def test_a_declared_encoding_is_proof_also_of_a_short_text(declaration: str, encoding: str, text: str) -> None:
    page = f"{declaration}<p>{text}</p>"
    assert decode_text(page.encode(encoding)) == page


def test_a_declaration_that_the_bytes_contradict_is_none() -> None:
    for label in ("euc-kr", "utf-16", "base64", "no-such-thing", "iso-8859-1"):
        page = f"<meta charset={label}><p>{CZECH}</p>"
        assert decode_text(page.encode()) == page, "valid UTF-8 is UTF-8"
    page = f"<meta charset=utf-8><p>{GERMAN}</p>"
    assert decode_text(page.encode("cp1252")) == page


@pytest.mark.parametrize("bad", [b"\xe9", b"\x92", b"\xe2\x80", b"\xff"])
def test_one_bad_byte_costs_one_character_of_utf_8(bad: bytes) -> None:
    for head in (b"", b"<meta charset=utf-8>", b"<meta charset=windows-1252"):
        text = decode_text(head + GERMAN.encode() + bad + b" " + GERMAN.encode())
        assert text == f"{head.decode()}{GERMAN}\ufffd {GERMAN}"


def test_a_short_page_of_declared_utf_8_stays_that_with_a_few_bytes_of_windows_1252() -> None:
    data = b"<meta charset=utf-8>" + "Brücke ".encode() + b"\x93hoch\x94 " + "für alle".encode()
    assert decode_text(data) == "<meta charset=utf-8>Brücke \ufffdhoch\ufffd für alle"
    assert decode_text("<meta charset=utf-8>Nur eine Brücke".encode("cp1252")).endswith("Nur eine Brücke")


def test_windows_1252_is_what_a_label_of_latin_1_means() -> None:
    assert decode_text(b"<meta charset=iso-8859-1>l\x92automne \x80").endswith("l\u2019automne \u20ac")


def test_a_bad_byte_in_a_declared_encoding_costs_a_character() -> None:
    data = b"<meta charset=gb2312>" + CHINESE.encode("gb18030") + b"\xff<p>" + CHINESE.encode("gb18030")
    assert decode_text(data) == f"<meta charset=gb2312>{CHINESE}\ufffd<p>{CHINESE}"


def test_what_several_encodings_explain_is_windows_1252() -> None:
    assert decode_text("Łódź".encode("cp1250")) == "£ódŸ"  # three letters and a sign prove nothing


@pytest.mark.parametrize(
    "data", [b"a" * 6_000_000 + b"\xe9", b"\xe9" * 6_000_000, b"<meta " * 1_000_000 + b"\xe9", b"x \xe9y" * 1_000_000]
)
def test_bytes_that_look_like_a_text_take_linear_time(data: bytes) -> None:
    began = time.process_time()
    decode_text(data)
    assert time.process_time() - began < 20, "a search from every byte would take hours"


@pytest.mark.parametrize("label", ["punycode", "idna", "undefined", "unicode_escape", "charmap", "base64", "a\0b", "?"])
def test_a_charset_that_no_text_is_written_in_is_none(label: str) -> None:
    assert codec_of(label) is None
    assert decode_text(GERMAN.encode("cp1252"), label) == GERMAN


def test_a_charset_that_takes_the_square_of_the_length_is_not_used() -> None:
    began = time.process_time()
    decode_text(b"a-" + b"b9" * 500_000 + b"\xe9", "punycode")
    assert time.process_time() - began < 20, "punycode would take ten minutes"


@given(st.binary(max_size=200), st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_bytes_under_any_label_are_a_text(data: bytes, label: str) -> None:
    assert "\ufeff" not in decode_text(data, label)[:1]
