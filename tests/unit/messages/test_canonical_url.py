"""Links to one article have one canonical form; links to two articles never do."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.canonical_url import canonical_url, without_line_breaks
from services.ingest.tracking_parameters import FAMILIES, is_tracking
from shared.errors import Reason, Rejected

HOST = "https://tide-times.example"
LINK = f"{HOST}/news/lock"

# A parameter of each family as its system writes it; the families of the list are all here.
TRACKERS = {
    "urchin": "utm_source=rss&utm-medium=feed&utm=1",
    "matomo": "mtm_campaign=a&pk_kwd=b&piwik_campaign=c",
    "google": "gclid=1&gbraid=2&gad_source=1&srsltid=Afm&ga_source=x&gaa_at=eafs&_gl=1*a",
    "amp viewer": "amp_js_v=0.1&usqp=mq331AQ&aoh=1",
    "microsoft": "msclkid=1&cvid=2",
    "facebook": "fbclid=1&fb_ref=2&action_type_map=3&mibextid=4",
    "instagram": "igshid=1&igsh=2",
    "twitter": "twclid=1&__twitter_impression=true&ref_src=twsrc",
    "tiktok": "ttclid=1&tt_medium=x",
    "linkedin": "li_fat_id=1&trk=public_post",
    "reddit": "rdt_cid=1",
    "pinterest": "epik=dj0",
    "snapchat": "ScCid=1",
    "yandex": "yclid=1&ysclid=2&_openstat=3",
    "wechat": "nsukey=1&isappinstalled=0",
    "alibaba": "spm=a2o8d.1&scm=1",
    "baidu": "wfr=spider",
    "bilibili": "vd_source=1",
    "adobe": "s_cid=1&mkt_tok=eyJ&elqTrackId=2",
    "impact": "irclickid=1&irgwc=1",
    "branch": "_branch_match_id=1",
    "hubspot": "_hsenc=1&_hsmi=2&__hstc=3&hsCtaTracking=4&hsa_acc=5",
    "mailchimp": "mc_cid=1&mc_eid=2",
    "mail systems": "vero_id=1&oly_enc_id=2&ml_subscriber=3&_bhlid=4&_kx=5&ck_subscriber_id=6&__s=7",
    "recommendations": "tblci=1&ob_click_id=2&dicbo=3&cx_testId=4",
    "at internet": "xtor=RSS-1&at_medium=social&at_link_id=2&at_ptr_name=x&at_bbc_team=y&at_custom1=z",
    "webtrekk": "wt_zmc=sm.int&wt_mc=1&wt.mc_id=2",
    "webtrends": "WT.rss_f=1",
    "comscore": "ns_mchannel=rss&ns_campaign=1490",
    "campaign codes": "CMP=share_btn_tw&cmpid=1&intcid=2&int_source=3",
    "internal campaigns": "itm_source=a&itid=hp-top",
    "echobox": "Echobox=1700000000",
    "sharing": "soc_src=x&spref=tw&shareToken=1&__source=sharebar",
    "referrer": "referrer=a&guccounter=1&guce_referrer=b&traffic_source=rss&leadSource=uverify",
    "bbc": "ocid_src=x",
    "new york times": "smid=tw-share&emc=rss&unlocked_article_code=1&nl=todays&te=1",
    "washington post": "wpisrc=nl_a&wpmm=1&pwapi_token=x",
    "wall street journal": "mod_source=x",
    "bloomberg": "srnd=premium&sref=1",
    "reuters": "taid=1&feedType=RSS&feedName=topNews",
    "economist": "fsrc=rss",
    "financial times": "ftcamp=rss&segmentid=1",
    "daily mail": "ito=1490&ico=a",
    "conde nast": "bxid=1&cndid=2&mbid=3&hasha=4",
    "cbs": "ftag=CNM-00",
    "yahoo": "tsrc=fin&.tsrc=x&yptr=yahoo",
    "deutsche welle": "maca=en-rss-en-all-1573-rdf",
    "wordpress": "replytocom=17",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_trackers_of_each_family_go_together_and_alone(family: str) -> None:
    trackers = TRACKERS[family]
    assert canonical_url(f"{LINK}?{trackers}&id=17") == f"{LINK}?id=17"
    for tracker in trackers.split("&"):
        if tracker.partition("=")[0] not in {"nl", "te"}:  # these go only where emc stands beside them
            assert canonical_url(f"{LINK}?{tracker.upper()}") == LINK


def test_each_tracker_of_the_samples_is_of_its_family() -> None:
    assert TRACKERS.keys() == FAMILIES.keys()


SAME = {
    "scheme": "http://tide-times.example/news/lock",
    "no scheme": "//tide-times.example/news/lock",
    "host and scheme in capitals": "HTTPS://Tide-Times.EXAMPLE/news/lock",
    "default port of http": "http://tide-times.example:80/news/lock",
    "default port of https": "https://tide-times.example:443/news/lock",
    "root of the name service": "https://tide-times.example./news/lock",
    "www": "https://www.tide-times.example/news/lock",
    "www with a number": "https://www2.tide-times.example/news/lock",
    "mobile host": "https://m.tide-times.example/news/lock",
    "long mobile host": "https://mobile.tide-times.example/news/lock",
    "www and mobile": "https://www.m.tide-times.example/news/lock",
    "amp host": "https://amp.tide-times.example/news/lock",
    "user and password": "https://reader:secret@tide-times.example/news/lock",
    "trailing slash": f"{LINK}/",
    "slashes": "https://tide-times.example//news///lock",
    "backslashes": r"https:\\tide-times.example\news\lock",
    "dots": f"{HOST}/sport/../news/./lock",
    "escaped dots": f"{HOST}/sport/%2e%2e/news/lock",
    "index": f"{LINK}/index.html",
    "empty query": f"{LINK}?",
    "empty parameter": f"{LINK}?&",
    "fragment": f"{LINK}#comments",
    "text fragment": f"{LINK}#:~:text=two%20years",
    "tracker in the fragment": f"{LINK}#xtor=RSS-1",
    "empty route": f"{LINK}#!",
    "amp path": f"{LINK}/amp",
    "amp path with slash": f"{LINK}/amp/",
    "amp first": f"{HOST}/amp/news/lock",
    "amp in between": f"{HOST}/news/amp/lock",
    "amp platform": f"{HOST}/platform/amp/news/lock",
    "amp ending": f"{LINK}.amp",
    "amp file": f"{LINK}/amp.html",
    "amp parameter": f"{LINK}?amp",
    "amp parameter with value": f"{LINK}?amp=1",
    "amp output": f"{LINK}?outputType=amp",
    "amp cache": "https://tide--times-example.cdn.ampproject.org/c/s/tide-times.example/news/lock",
    "amp viewer": "https://tide--times-example.cdn.ampproject.org/v/s/www.tide-times.example/news/lock/amp/?amp_js_v=0.1",
    "amp cache without TLS": "https://tide--times-example.cdn.ampproject.org/c/tide-times.example/news/lock",
    "amp of a search": "https://www.google.com/amp/s/www.tide-times.example/news/lock",
    "amp of a search in a country": "https://www.google.co.uk/amp/s/amp.tide-times.example/news/lock",
    "amp of another search": "https://tide-times-example.bing-amp.com/c/s/tide-times.example/news/lock",
    "mobile parameter": f"{LINK}?mobile=true",
    "mobile view": f"{LINK}?view=mobile",
    "print path": f"{LINK}/print",
    "print path with slash": f"{LINK}/print/",
    "print path in German": f"{LINK}/drucken",
    "print parameter": f"{LINK}?print=1",
    "print view": f"{LINK}?view=print",
    "print page": f"{LINK}?pagewanted=print",
    "print view of a CMS": f"{LINK}?printable=yes",
    "session of a servlet": f"{LINK};jsessionid=1A2B3C4D.node1",
    "session in the query": f"{LINK}?PHPSESSID=0123456789abcdef0123456789abcdef",
    "session id": f"{LINK}?sid=0123456789abcdef0123456789abcdef",
    "session of ASP": f"{LINK}?ASPSESSIONIDQQ=AAAABBBB",
    "session of ASP.NET": f"{HOST}/(S(lit3py55t21z5v55vlm25s55))/news/lock",
    "search result": f"https://www.google.com/url?rct=j&sa=t&url={LINK}&ct=ga&usg=AOv",
    "search result, escaped": "https://www.google.de/url?q=https%3A%2F%2Ftide-times.example%2Fnews%2Flock%3Futm_source%3Dx",
    "news result": f"https://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&url={LINK}",
    "link in a post": "https://l.facebook.com/l.php?u=https%3A%2F%2Ftide-times.example%2Fnews%2Flock&h=AT0",
    "redirect in a redirect": f"https://vk.com/away.php?to=https%3A%2F%2Fgoogle.com%2Furl%3Fq%3D{LINK}",
    "tracker in capitals": f"{LINK}?UTM_Source=x",
    "tracker, encoded": f"{LINK}?utm%5Fsource=x",
    "tracker after a second question mark": f"{LINK}??utm_source=x",
    "tracker without a question mark": f"{LINK}&utm_source=x",
    "feed as referrer": f"{LINK}?ref=rss",
    "feed as source": f"{LINK}?source=rss_feed",
    "share button": f"{LINK}?share=twitter&nb=1",
    "partner": f"{LINK}?partner=rss&emc=rss",
    "section's feed": f"{LINK}?mod=rss_markets_main",
    "campaign code": f"{LINK}?ncid=newsletter-uk&icid=top_story&ocid=socialflow",
    "blanks around": f"  {LINK}\t\n",
    "byte order mark": f"\ufeff{LINK}",
    "line break": f"{HOST}/news/\n    lock",
}


@pytest.mark.parametrize("url", SAME.values(), ids=SAME.keys())
def test_links_to_one_article_have_one_form(url: str) -> None:
    assert canonical_url(url) == LINK


ALIKE = [
    ("a%c3%a9", "aé"),
    ("k\u00e4se", "ka\u0308se"),
    ("%7Etide/a", "~tide/a"),
    ("a b", "a%20b"),
    ("a?q=a+b", "a?q=a%20b"),
    ("a?a=1&b=2", "a?b=2&a=1"),
    ("a?id=1&id=1", "a?id=1"),
    ("a?id=1&amp;page=2", "a?id=1&page=2"),
    ("a?id=1&#038;page=2", "a?id=1&page=2"),
    ("a?id=1&amp;amp;page=2", "a?id=1&page=2"),
    ("a?id=1&amp;region=2", "a?id=1&region=2"),
    ("90%-of", "90%25-of"),
    ("a?id=1?utm_source=rss", "a?id=1"),
    ("app#/news/1?utm_source=x", "app#/news/1"),
    ("#!news/1", "#!/news/1"),
    ("a.amp.html", "a.html"),
    ("a~amp.html", "a.html"),
    ("index.php?id=4", "?id=4"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_is_written_differently_has_one_form(one: str, other: str) -> None:
    assert canonical_url(f"{HOST}/{one}") == canonical_url(f"{HOST}/{other}")


DIFFERENT = [
    ("a?id=1", "a?id=2"),
    ("?p=1", "?p=2"),
    ("a", "a?page=2"),
    ("watch?v=aFCO6", "watch?v=afco6"),
    ("News/A", "news/a"),
    ("s?q=1%2B2", "s?q=1+2"),
    ("caf%E9", "caf%E8"),  # latin-1
    ("n?t=%D6%D0", "n?t=%B9%FA"),  # GBK
    ("n?t=%D6%D0", "n?t=%EF%BF%BD%EF%BF%BD"),  # replacement characters
    ("a?id=1&region=2", "a?id=1&region=3"),
    ("a?id=1&region=2", "a?id=1%C2%AEion=2"),
    ("a?id=1&copy=2", "a?id=1&copy=3"),
    ("a?id=1&section=2", "a?id=1&para=2"),
    ("#!/news/1", "#!/news/2"),
    ("app#/news/1", "app#/news/2"),
    ("app#/news?id=1", "app#/news?id=2"),
    ("news?pk_id=17", "news?pk_id=18"),
    ("news?mtm_id=17", "news?mtm_id=18"),
    ("news?at_id=17", "news?at_id=18"),
    ("news?icid=17", "news?icid=18"),
    ("news?ref=17", "news?ref=18"),
    ("news?source=harbour-gazette", "news?source=valdoria-post"),
    ("news?share=17", "news?share=18"),
    ("news?nl=de", "news?nl=en"),
    ("news?sid=17", "news?sid=18"),
    ("news?print=17", "news?print=18"),
    ("news?type=print-17", "news?type=print-18"),
    ("news?amp=5", "news?amp=10"),
    ("a?c=1&c=2", "a?c=2&c=1"),
    ("a?q=A%26b=1", "a?q=A&b=1"),
    ("a%23b", "a#b"),
    ("a%3Fb=1", "a?b=1"),
    ("a%2Fb", "a/b"),
    ("100%2541", "100%41"),
    ("a?lang=de", "a?lang=fr"),
    ("a;v=1", "a;v=2"),
    ("print", "news"),
    ("amp", "news"),
    ("amp/1", "amp/2"),
    ("print/1", "print/2"),
    ("guitar-amp", "guitar"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_links_to_two_articles_have_two_forms(one: str, other: str) -> None:
    assert canonical_url(f"{HOST}/{one}") != canonical_url(f"{HOST}/{other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://x.example:8080/a", "https://x.example/a"),
        ("http://[::1]/a", "http://[::2]/a"),
        ("https://m.me/a", "https://amp.me/a"),
        ("https://a_b.example/1", "https://a_b.example/2"),
        ("https://sport.x.example/a", "https://x.example/a"),
        ("https://google.com/url?q=lock", "https://google.com/url?q=boat"),
        ("https://google.com/url?q=https://[lock", "https://google.com/url?q=https://[boat"),
    ],
)
def test_hosts_that_are_two_stay_two(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (f"{LINK}?q=lock&a=1", f"{LINK}?a=1&q=lock"),
        ("http://bücher.example/käse", "https://xn--bcher-kva.example/k%C3%A4se"),
        ("https://de.m.tide-wiki.example/wiki/Lock", "https://de.tide-wiki.example/wiki/Lock"),
        ("https://x.example/", "https://x.example"),
    ],
)
def test_the_form_can_be_read(url: str, form: str) -> None:
    assert canonical_url(url) == form


def test_the_channel_of_a_shared_parameter_is_a_short_name() -> None:
    assert is_tracking("mod", "hp_top_news_rss")
    assert not is_tracking("mod", "facebook-buys-a-small-firm-that-makes-maps")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lock",
        "/news/lock",
        "ftp://x.example/a",
        "javascript:alert(1)",
        "http://",
        "http://...",
        "http://[::1",
        "http://a b.example/",
        "http://x.example:99999/",
        "http://x.example/\0a",
        "http://x.example/\ud800",
        "http://x.example/&#10;&#xD800;",
    ],
)
def test_what_is_no_web_address_is_refused_with_the_value(url: str) -> None:
    with pytest.raises(Rejected) as refused:
        canonical_url(url)
    assert refused.value.reason is Reason.BAD_URL
    assert repr(url) in refused.value.detail


@pytest.mark.parametrize("host", ["é" * 4000, "a." * 2000])
def test_a_host_without_end_is_refused(host: str) -> None:
    with pytest.raises(Rejected, match="a host of 4000 characters") as refused:
        canonical_url(f"https://{host}/")
    assert refused.value.reason is Reason.BAD_URL


_PIECES = st.sampled_from(
    [
        *(
            "/",
            "//",
            "\\",
            ".",
            "..",
            "%2e",
            "%2F",
            "amp",
            ".amp",
            "~amp",
            "amp/s/",
            "platform/",
            "print",
            "index.html",
        ),
        *(";", ";jsessionid=1", "(S(a))", "?", "&", "=", "+", "&amp;", "&lt;", "#", "#/", "#!", ":~:", " ", "\n"),
        *("%E9", "%C3", "%25", "%26", "%3B", "%3F", "%0A", "é", "e\u0301", "\u0344", "\ud7a3", "a", "1", "sid"),
        *("utm_source=x", "ref=rss", "emc=1", "nl=1", "share=1", "nb=1", "url=", "q=", "https://", "http%3A%2F%2F"),
        *("www.", "m.", "x.example", "google.com/url", "x.cdn.ampproject.org/c/s/", ":80", ":443", "user@"),
    ]
)


@given(
    st.text(max_size=200)
    | st.text(max_size=60).map("https://tide.example/".__add__)
    | st.lists(_PIECES, max_size=12).map("".join).map("https://".__add__)
    | st.lists(_PIECES, max_size=12).map("".join).map("http://x.example/".__add__)
)
@example("https://x.cdn.ampproject.org/amp/c/s/x.example/a")
@example("http://m.vk.com/away.php/print?to=https://x.example/a")
@example("http://x.example:443/a")
@example("http://x.example/.;jsessionid=1/a")
def test_any_text_is_refused_or_has_a_form_that_is_its_own_form(url: str) -> None:
    try:
        form = canonical_url(url)
    except Rejected:
        return
    assert canonical_url(form) == form
    assert form.isascii()


_KEPT = st.lists(st.sampled_from(["id=1", "p=2", "q=a%20b", "lang=de", "c=1", "c=2"]), max_size=3, unique=True)
_DROPPED = st.lists(st.sampled_from([part for some in TRACKERS.values() for part in some.split("&")]), max_size=4)


@given(st.from_regex(r"[a-z]{1,8}(/[a-z0-9-]{5,8}){0,3}", fullmatch=True), _KEPT, _DROPPED, st.randoms())
def test_trackers_in_any_order_leave_the_parameters_as_they_are(
    path: str, kept: list[str], dropped: list[str], random: Random
) -> None:
    mixed = [*kept, *(tracker for tracker in dropped if tracker[:3] not in {"nl=", "te="})]
    random.shuffle(mixed)
    order = sorted(kept, key=mixed.index)
    assert canonical_url(f"{HOST}/{path}?{'&'.join(mixed)}") == canonical_url(f"{HOST}/{path}?{'&'.join(order)}")


def test_a_link_keeps_all_but_its_line_breaks() -> None:
    assert without_line_breaks(f" {LINK}/\r\n  a?utm_source=x ") == f"{LINK}/a?utm_source=x"
