"""Input made to harm: each with what must become of it. Data for the tests of every level; nothing here is run."""

import json
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import Reason
from shared.topology import MAX_MESSAGE_BYTES
from wireroom.testing.factories import BODY

_PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\nstream\n" + bytes(range(256)) * 20
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\4\0\0\0\3\0\x08\6\0\0\0" + bytes(range(256)) * 20
_SENTENCE = "The harbour master of Tidewell told the council on Monday that the lock would open again in spring. "


@dataclass(frozen=True)
class Poison:
    """A message for INBOX; ``service`` sets it aside for the ``expected`` reason, or it is stored and harms nobody."""

    name: str
    data: bytes = field(repr=False)
    expected: Reason | Literal["stored"]
    service: Literal["ingest", "extract"] | None = "ingest"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def can_be_published(self) -> bool:
        """Whether the broker takes it; what is larger is refused to its publisher."""
        return len(self.data) <= MAX_MESSAGE_BYTES


def _submission(**fields: object) -> bytes:
    return json.dumps({"source": "harbour-gazette", "body": BODY} | fields).encode()


def _html(name: str, body: str, expected: Reason | Literal["stored"], service: Literal["extract"] | None) -> Poison:
    return Poison(name, _submission(guid=name, body=body, media_type="text/html"), expected, service)


def _paragraphs(size: int) -> str:
    return (
        f"<html><body><article>{f'<p>{_SENTENCE * 4}</p>' * (size // (4 * len(_SENTENCE) + 7))}</article></body></html>"
    )


def _raw(fields: str) -> bytes:
    return f'{{"source": "harbour-gazette", "body": "The lock opened.", {fields}}}'.encode()


POISONS = (
    Poison("no-bytes", b"", Reason.EMPTY_BODY),
    Poison("empty-body", _submission(body=" \n\t "), Reason.EMPTY_BODY),
    Poison("not-utf8", b'{"source": "harbour-gazette", "body": "Br\xfccke"}', Reason.NOT_UTF8),
    Poison("utf16", _submission().decode().encode("utf-16"), Reason.NOT_UTF8),
    Poison("nul-bytes", b'{"source": "harbour-gazette", "body": "a\0b"}', Reason.NOT_JSON),
    Poison("lone-surrogate", _raw(r'"title": "\ud800"'), Reason.NOT_JSON),
    Poison("escaped-nul", _submission(guid="escaped-nul", title="Lock\0 opened", body=f"\0{BODY}\0"), "stored", None),
    Poison("not-an-object", b'["harbour-gazette", "The lock opened."]', Reason.SCHEMA),
    Poison("deep-json", _raw(f'"tags": {"[" * 10_000}{"]" * 10_000}'), Reason.NOT_JSON),
    Poison("deep-json-objects", _raw('"x": ' + '{"x": ' * 10_000 + "1" + "}" * 10_000), Reason.NOT_JSON),
    Poison("duplicate-keys", _raw('"body": "The lock is closed."'), Reason.SCHEMA),
    Poison("nan", _raw('"published_at": NaN'), Reason.SCHEMA),
    Poison("infinite-number", _raw('"updated_at": 1e999'), Reason.SCHEMA),
    Poison("missing-field", b'{"body": "The lock opened."}', Reason.SCHEMA),
    Poison("operator-as-title", _raw('"title": {"$gt": ""}'), Reason.SCHEMA),
    Poison("operator-as-guid", _raw('"guid": {"$ne": null}'), Reason.SCHEMA),
    Poison("operator-as-key", _raw('"$where": "sleep(1000)"'), Reason.UNKNOWN_FIELD),
    Poison("key-with-dots", _raw('"pipeline.rules": "0"'), Reason.UNKNOWN_FIELD),
    Poison("control-in-url", _submission(url="http://harbour.example/\x1b[2J\0lock"), Reason.BAD_URL),
    Poison("script-as-url", _submission(url="javascript:alert(1)"), Reason.BAD_URL),
    Poison("unknown-major", _submission(), Reason.SCHEMA_UNSUPPORTED, headers={"ce-type": "news.v2.submitted"}),
    Poison(
        "unknown-major-of-schema",
        _submission(),
        Reason.SCHEMA_UNSUPPORTED,
        headers={"ce-type": "news.v1.submitted", "ce-dataschema": "urn:wireroom:news.v2.submitted"},
    ),
    Poison("pdf-bytes", _PDF, Reason.NOT_UTF8),
    Poison(
        "pdf-as-html", _submission(body=_PDF.decode("latin-1"), media_type="text/html"), Reason.UNSUPPORTED_MEDIA_TYPE
    ),
    Poison("png-as-text", _submission(body=_PNG.decode("latin-1")), Reason.UNSUPPORTED_MEDIA_TYPE),
    Poison(
        "png-replaced",
        _submission(body=_PNG.decode(errors="replace"), media_type="text/html"),
        Reason.UNSUPPORTED_MEDIA_TYPE,
    ),
    Poison("body-over-the-cap", _submission(body=_SENTENCE * 25_000), Reason.TOO_LARGE),
    Poison("attribute-over-the-cap", _submission(body=f'<p class="{"x" * 3_000_000}">{BODY}</p>'), Reason.TOO_LARGE),
    Poison("12-mb-of-paragraphs", _submission(body=_paragraphs(12_000_000)), Reason.TOO_LARGE),
    Poison("10-mb-attribute", _submission(body=f'<p class="{"x" * 10_000_000}">{BODY}</p>'), Reason.TOO_LARGE),
    _html("nested-tags", f"<html><body>{'<div>' * 100_000}{BODY}", Reason.TOO_LARGE, "extract"),
    _html("many-tags", f"<html><body><p>{BODY}</p>{'<b>x</b>' * 200_000}", Reason.TOO_LARGE, "extract"),
    _html("copies-up-to-the-cap", _paragraphs(2_000_000), "stored", None),
    Poison("text-of-2-million-characters", _submission(body=_SENTENCE * 20_000), Reason.TOO_LARGE, "extract"),
    Poison("one-word-of-2-million-letters", _submission(body="x" * 2_000_000), Reason.NO_ARTICLE_TEXT, "extract"),
    Poison("many-lines", _submission(body="a\n" * 200_000), Reason.TOO_LARGE, "extract"),
    _html(
        "attribute-up-to-the-cap", f'<html><body><p class="{"x" * 1_900_000}">{BODY}</p></body></html>', "stored", None
    ),
    _html("unclosed-comment", f"<html><body><p>{BODY}</p><!-- {'<' * 500_000}", "stored", None),
    _html("unclosed-tags", f"<html><body><p>{BODY}</p>{'<a href=' * 50_000}", "stored", None),
    _html("many-character-references", f"<p>{BODY}</p><p>{'&amp;' * 300_000}</p>", "stored", None),
    _html(
        "script", f"<p>{BODY}</p><script>fetch('//evil.example')</script><img src=x onerror=alert(1)>", "stored", None
    ),
    Poison(
        "terminal-escapes",
        _submission(
            guid="terminal-escapes",
            title="\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31mLock",
            body=f"{BODY}\n\n\x1b]8;;http://evil.example\x07The council will meet again on Tuesday.\x1b[0m",
        ),
        "stored",
        None,
    ),
    Poison(
        "right-to-left-override",
        _submission(
            guid="right-to-left-override", title="Lock \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", body=f"\u202e{BODY}"
        ),
        "stored",
        None,
    ),
    Poison(
        "formula-and-markup-as-text",
        _submission(guid="formula", title='=HYPERLINK("http://evil.example")', body=f"<b>{BODY}</b>{{{{7*7}}}}${{x}}"),
        "stored",
        None,
    ),
)
