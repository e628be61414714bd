"""The day that a text names, in 26 languages, where it can be read in one way only.

The names of the months are those of CLDR, wide and abbreviated, as they stand in a date and alone; no name means two
months. A general parser of dates (dateparser, dateutil) guesses where we want none.
"""

import re
import unicodedata
from datetime import UTC, datetime

_NAMES = (
    (
        "ene|enero|gen|gener|gennaio|ian|ianuarie|jan|janeiro|januar|januari|january|január|januára|janv|"
        "janvier|jänner|led|leden|ledna|oca|ocak|sty|styczeń|stycznia|tammi|tammikuu|tammikuuta|ιαν|"
        "ιανουάριοσ|ιανουαρίου|сту|студзень|студзеня|січ|січень|січня|янв|январь|января|яну|януари|جانفي|"
        "كانون الثاني|يناير|जनवरी|जन॰"
    ),
    (
        "feb|febbraio|feber|febr|febrer|febrero|februar|februari|februarie|february|február|februára|fev|"
        "fevereiro|févr|février|helmi|helmikuu|helmikuuta|lut|lutego|luty|úno|únor|února|şub|şubat|φεβ|"
        "φεβρουάριοσ|φεβρουαρίου|лют|лютага|лютий|лютого|люты|фев|февр|февраль|февраля|февруари|شباط|فبراير|"
        "فيفري|फ़रवरी|फ़र॰"
    ),
    (
        "bře|březen|března|maa|maal|maalis|maaliskuu|maaliskuuta|maart|mar|marca|march|marec|mars|mart|"
        "martie|marts|marzec|marzo|març|março|mrt|márc|március|mär|märz|μάρ|μάρτιοσ|μαρ|μαρτίου|бер|березень|"
        "березня|мар|март|марта|сак|сакавік|сакавіка|آذار|مارس|मार्च"
    ),
    (
        "abr|abril|apr|april|aprile|aprilie|apríl|apríla|avr|avril|dub|duben|dubna|huhti|huhtikuu|huhtikuuta|"
        "kwi|kwiecień|kwietnia|nis|nisan|ápr|április|απρ|απρίλιοσ|απριλίου|апр|апрель|апреля|април|квіт|"
        "квітень|квітня|кра|красавік|красавіка|أبريل|أفريل|نيسان|अप्रैल"
    ),
    (
        "kvě|květen|května|mag|maggio|mai|maig|maio|maj|maja|may|mayo|mayıs|mei|máj|mája|május|touko|"
        "toukokuu|toukokuuta|μάι|μάιοσ|μαΐ|μαΐου|май|мая|трав|травень|травня|أيار|ماي|مايو|मई"
    ),
    (
        "cze|czerwca|czerwiec|giu|giugno|haz|haziran|iun|iunie|juin|jun|june|junho|juni|junio|juny|jún|júna|"
        "június|kesä|kesäkuu|kesäkuuta|červen|června|čvn|ιουν|ιουνίου|ιούν|ιούνιοσ|июн|июнь|июня|черв|"
        "червень|червня|чэр|чэрвень|чэрвеня|юни|جوان|حزيران|يونيو|जून"
    ),
    (
        "heinä|heinäkuu|heinäkuuta|iul|iulie|juil|juillet|jul|julho|juli|julij|julio|juliol|july|júl|júla|"
        "július|lip|lipca|lipiec|lug|luglio|tem|temmuz|července|červenec|čvc|ιουλ|ιουλίου|ιούλ|ιούλιοσ|июл|"
        "июль|июля|лип|липень|липня|ліп|ліпень|ліпеня|юли|تموز|جويلية|يوليو|يوليوز|जुलाई|जुल॰"
    ),
    (
        "ag|ago|agost|agosto|août|aug|august|augusta|augusti|augustus|augusztus|ağu|ağustos|elo|elokuu|"
        "elokuuta|sie|sierpień|sierpnia|srp|srpen|srpna|αυγ|αυγούστου|αύγ|αύγουστοσ|авг|август|августа|жні|"
        "жнівень|жніўня|серп|серпень|серпня|آب|أغسطس|أوت|غشت|अगस्त|अग॰"
    ),
    (
        "eyl|eylül|sep|sept|september|septembra|septembre|septembrie|septiembre|set|setembre|setembro|"
        "setiembre|settembre|syys|syyskuu|syyskuuta|szept|szeptember|wrz|wrzesień|września|zář|září|σεπ|"
        "σεπτέμβριοσ|σεπτεμβρίου|вер|верасень|верасня|вересень|вересня|сен|сент|сентябрь|сентября|сеп|"
        "септември|أيلول|سبتمبر|شتنبر|सितंबर|सित॰"
    ),
    (
        "eki|ekim|loka|lokakuu|lokakuuta|oct|october|octobre|octombrie|octubre|okt|oktober|október|októbra|"
        "ott|ottobre|out|outubro|paź|październik|października|říj|říjen|října|οκτ|οκτωβρίου|οκτώβριοσ|жовт|"
        "жовтень|жовтня|кас|кастрычнік|кастрычніка|окт|октомври|октябрь|октября|أكتوبر|تشرين الأول|अक्टूबर|"
        "अक्टू॰"
    ),
    (
        "kas|kasım|lis|listopad|listopada|listopadu|marras|marraskuu|marraskuuta|noiembrie|nov|november|"
        "novembra|novembre|novembro|noviembre|νοέ|νοέμβριοσ|νοε|νοεμβρίου|лист|листопад|листопада|ліс|"
        "лістапад|лістапада|нов|ное|ноември|нояб|ноябрь|ноября|تشرين الثاني|نوفمبر|نونبر|नवंबर|नव॰"
    ),
    (
        "ara|aralık|dec|december|decembra|decembrie|des|desember|desembre|dez|dezember|dezembro|dic|dicembre|"
        "diciembre|déc|décembre|gru|grudnia|grudzień|joulu|joulukuu|joulukuuta|pro|prosince|prosinec|δεκ|"
        "δεκέμβριοσ|δεκεμβρίου|груд|грудень|грудня|дек|декабрь|декабря|декември|сне|снежань|снежня|دجنبر|"
        "ديسمبر|كانون الأول|दिसंबर|दिस॰"
    ),
)


def _plain(text: str) -> str:
    """Return the text without accents, as capitals are often written."""
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text))).replace(
        "ı", "i"
    )


def _months() -> dict[str, int]:
    known = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split("|")}
    return {_plain(name): month for name, month in known.items()} | known


_MONTHS = _months()
_NAME = "|".join(re.escape(name) for name in sorted(_MONTHS, key=lambda name: (-len(name), name)))
_MONTH = rf"(?<!\w)(?P<month>{_NAME})(?![^\W\d_])\.?"
_YEAR = r"(?<!\d)(?P<year>(?:19|20|१९|२०|١٩|٢٠)\d\d)(?!\d)"
_DAY = r"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th|er|º|ª|\.)?(?![\d:])"
_OF = r"[\s,،-]+(?:(?:de|del|of|d[’'])[\s]*)?"
_NUMBER = r"(?P<month>\d\d?)"
_FORMS = (
    re.compile(rf"{_YEAR}\s?[-/.年년]\s?{_NUMBER}\s?[-/.月월]\s?(?P<day>\d\d?)(?!\d)"),
    re.compile(rf"{_DAY}(?:{_OF}|(?<=\.)){_MONTH}{_OF}{_YEAR}"),
    re.compile(rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}"),
    re.compile(rf"{_YEAR}\.?\s+(?:m\.\s+)?{_MONTH}\s+{_DAY}"),
    re.compile(rf"(?<!\d)(?P<day>\d\d?)\.\s?{_NUMBER}\.\s?{_YEAR}"),
)
_ANY_YEAR = re.compile(_YEAR)
_UPDATE = re.compile(
    r"(?<!\w)(?:(?:last |zuletzt |dernière )?(?:updated?|modified|edited|revised|reviewed|geändert|aktualisiert"
    r"|bearbeitet|mis à jour|mise à jour|modifié|actualizado|actualización|aggiornato|aggiornamento|atualizado"
    r"|bijgewerkt|laatste update|zaktualizowano|aktualizacja|обновлено|изменено|оновлено|güncelleme"
    r"|güncellenme|ενημέρωση|تحديث"
    r"|अपडेट|aktualizováno|aktualisováno|upravené|päivitetty|opdateret|uppdaterad|oppdatert))(?!\w)"
    r"|更新|수정|업데이트|최종수정"
)
_EITHER_WAY = re.compile(rf"(?<![\d/-])(?P<day>\d\d?)(?P<sign>[/-])(?P<month>\d\d?)(?P=sign){_YEAR}")
_DATED_TAIL = re.compile(
    rf"(?<!\w)(?:{_NAME})\.?\s+\d|(?<!\d)\d\d?(?:\.|th|st|nd|rd)?\s+(?:{_NAME})(?!\w)|\d{{1,4}}[./-]\d"
)


def day_in(text: str) -> datetime | None:
    """Return the beginning of the first day that the text names with its year, in UTC.

    3/4/2026 is another day in America than elsewhere and is none; 13/4/2026 and 4/4/2026 can be read in one way.
    """
    if not _ANY_YEAR.search(text):
        return None
    found = _first(_plain_case(text))
    return found[0] if found else None


def published_day_in(text: str) -> datetime | None:
    """Return the first day that the text names and that is not said to be the one of an update."""
    text = _plain_case(text)
    update = _UPDATE.search(text)
    if update is None:
        return day_in(text)
    before, after = text[: update.start()], text[update.end() :]
    if (day := day_in(before)) and day_in(after):
        return day
    return None if day else _behind_update(after)


def _behind_update(text: str) -> datetime | None:
    """Return the second day, as in "Updated 3 May 2026, published 1 May 2026"."""
    found = _first(text)
    return day_in(text[found[1] :]) if found else None


def cut_before_day(text: str) -> str:
    """Return the text up to where a day or the name of a month with a number begins."""
    small = text.lower()  # of the same length, but for a rare letter
    dated = len(small) == len(text) and any(char.isdecimal() for char in text)
    found = _DATED_TAIL.search(small) if dated else None
    return text[: found.start()].rstrip(" ,|·•-") if found and found.start() else text


def _first(text: str) -> tuple[datetime, int] | None:
    """Return the first day of a text by the surest form that has one, and where it ends."""
    for form in _FORMS:
        for found in form.finditer(text):
            name = found["month"]
            if day := _day(found["year"], _MONTHS.get(name) or int(name), found["day"]):
                return day, found.end()
    for found in _EITHER_WAY.finditer(text):
        ways = {_day(found["year"], month, day) for month, day in _both(int(found["month"]), int(found["day"]))}
        ways.discard(None)
        if len(ways) == 1 and (only := ways.pop()):
            return only, found.end()
    return None


def _both(first: int, second: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (first, second), (second, first)


def _plain_case(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("İ", "i").casefold())


def _day(year: str, month: int, day: str | int) -> datetime | None:
    try:
        return datetime(int(year), month, int(day), tzinfo=UTC)
    except ValueError:
        return None
