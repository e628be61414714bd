"""Query parameters that say how a reader came to an article, by the system that adds them; none names an article.

The list is part of the identity of articles (docs/decisions/0028): a name added here joins ids that were two, so it
changes with a release and never by itself. A name is listed only where the system that adds it is known; a word that
sites also use for content (``ref``, ``source``, ``from``) is dropped by its value and not by its name alone.
"""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

# Regular expressions for whole names, in any case.
FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "urchin": (r"utm(?:[_-]\w+)?",),
        "matomo": (
            r"(?:mtm|matomo|piwik|pk)_(?:campaign|cid|content|cpn|group|keyword|kwd|medium|placement|source|vid)",
        ),
        "google": (
            r"ga_(?:campaign|content|medium|place|source|term)",
            r"_g(?:a|ac|l)|gcl(?:id|src)|[gw]braid|dclid|gad|gad_(?:source|campaignid)|srsltid|gs_l(?:cp|crp)?",
            r"gaa_(?:at|n|ts|sig)",  # Showcase, where the reader need not pay
        ),
        "amp viewer": (r"amp_(?:ct|gsa|js_v|latest_update_time|r|tf)|usqp|aoh|ampshare",),
        "microsoft": (r"msclkid|cvid",),
        "facebook": (
            r"fbclid|fb_(?:action_ids|action_types|ref|source)|action_(?:object|ref|type)_map|mibextid|sfnsn",
        ),
        "instagram": (r"igsh|igshid",),
        "twitter": (r"twclid|_*twitter_impression|ref_?src|ref_?url|twsrc|twcamp|twterm|twgr",),
        "tiktok": (r"ttclid|tt_(?:content|medium)|_ttp",),
        "linkedin": (r"li_fat_id|trk|trkcampaign|trkinfo",),
        "reddit": (r"rdt_cid",),
        "pinterest": (r"epik",),
        "snapchat": (r"sccid",),
        "yandex": (r"y[ms]?clid|_openstat",),
        "wechat": (r"nsukey|isappinstalled",),
        "alibaba": (r"spm|scm|spm_id_from",),
        "baidu": (r"wfr",),
        "bilibili": (r"vd_source",),
        "adobe": (r"s_kwcid|s_cid|sc_cid|ef_id|mkt_tok|elqtrack(?:id)?|elq",),
        "impact": (r"irclickid|irgwc",),
        "branch": (r"_branch_(?:match_id|referrer)",),
        "hubspot": (
            r"_hs(?:enc|mi)|__hs(?:fp|sc|tc)|hsctatracking|hsa_(?:acc|ad|cam|grp|kw|la|mt|net|ol|src|tgt|ver)",
        ),
        "mailchimp": (r"mc_(?:cid|eid|tc)",),
        "mail systems": (
            r"vero_(?:conv|id)|oly_(?:anon|enc)_id|ml_subscriber(?:_hash)?|_bhlid|_k[ex]|ck_subscriber_id",
            r"__s|dm_i|trk_(?:contact|module|msg|sid)|_?cio_id|sc_(?:customer|eh|lid|llid|src|uid)|rb_clickid|wickedid",
        ),
        "recommendations": (
            r"tblci|tbclickid|ob_click_id|oborigurl|dicbo|cx_(?:artpos|campaign|experience\w*|navsource|tag|test\w+)|cxrecs_s",
        ),
        "at internet": (
            r"xtor|xt(?:cr|ref|s)",
            r"at_(?:ad\w*|audience|bbc_team|campaign\w*|channel|creation|custom\d+|emailtype|format|general|identifier)",
            r"at_(?:link_?\w*|medium|network|platform|ptr_(?:name|type)|recipient_\w+|send_(?:date|time)|type|variant)",
        ),
        "webtrekk": (r"wt_?z?mc|wt[._]mc_\w+|wtrid",),
        "webtrends": (r"wt\.(?:\w+)",),
        "comscore": (r"ns_(?:campaign|fee|linkname|mchannel|source)",),
        "campaign codes": (r"cmp|cmp_?id|int_?cid|int_?cmp|icmp|int_(?:campaign|content|medium|source)|otm_\w*",),
        "internal campaigns": (r"itm_(?:campaign|content|medium|source|term)|itid|internal_source",),
        "echobox": (r"echobox",),
        "sharing": (r"soc_(?:src|trk)|spref|sr_share|share_?(?:token|type|d_from|id)|__source|tracking_source",),
        "referrer": (r"referr?er|referral|refsrc|reflink|leadsource|traffic_source|guce_referrer(?:_sig)?|guccounter",),
        "bbc": (r"ocid_?src",),
        "new york times": (r"smid|smtyp|emc|unlocked_article_code|regi_id",),
        "washington post": (r"wpisrc|wpm[km]|pwapi_token",),
        "wall street journal": (r"mod_source",),
        "bloomberg": (r"srnd|sref",),
        "reuters": (r"taid|feedtype|feedname",),
        "economist": (r"fsrc",),
        "financial times": (r"ftcamp|segmentid",),
        "daily mail": (r"ito|ico",),
        "conde nast": (r"bxid|cndid|mbid|hash[abc]",),
        "cbs": (r"ftag",),
        "yahoo": (r"\.?tsrc|yptr",),
        "deutsche welle": (r"maca",),
        "wordpress": (r"replytocom|doing_wp_cron",),
    }
)
_ALWAYS = re.compile(
    "|".join(f"(?:{pattern})" for patterns in FAMILIES.values() for pattern in patterns), re.IGNORECASE
)

# A campaign code is a word; the same name with a number is the article's own key somewhere.
_UNLESS_A_NUMBER = re.compile(r"icid|ncid|ocid", re.IGNORECASE)
# Names that sites use for content too: dropped where the value is a channel, such as ref=rss or mod=rss_markets.
_BY_VALUE = re.compile(
    r"ref|refer|source|src|origin|from|via|share|shared|partner|platform|medium|campaign|cid|feed|rss|xid|mod|feature"
    r"|traffic|app|channel|entry|link",
    re.IGNORECASE,
)
_CHANNELS = re.compile(
    r"rss\d*|atom|feeds?|feedburner|xml|news(?:letters?|feed)|e?mail|mail(?:ing|chimp)|fb|facebook|twitter|tw|twtr|x"
    r"|t\.co|whatsapp|wa|telegram|tg|linkedin|reddit|pinterest|instagram|ig|tumblr|vk|line|weibo|wechat|flipboard"
    r"|pocket|snapchat|tiktok|threads|bluesky|mastodon|messenger|hootsuite|buffer|social(?:flow)?|share|sharing|shared"
    r"|copy(?:link)?|sms|push|notifications?|apple_?news|google_?news|googlenews|smartnews|upday|msn|yahoo|google|bing"
    r"|homepage|home|hp|topnews|groupmessage|singlemessage|timeline",
    re.IGNORECASE,
)
_MOST_WORDS = 4  # of a channel's name, such as hp_top_news_rss; a longer value is the name of something
_WORDS = re.compile(r"[-_+: ]")
# Names that mean something else alone, and belong to a tracker where that one stands beside them.
_BESIDE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "nb": frozenset({"share"}),
        **dict.fromkeys(("nl", "te", "user_id", "campaign_id", "instance_id", "segment_id"), frozenset({"emc"})),
    }
)


def is_tracking(name: str, value: str) -> bool:
    """Tell whether a parameter, percent-decoded, says where the reader came from."""
    if _ALWAYS.fullmatch(name):
        return True
    if _UNLESS_A_NUMBER.fullmatch(name):
        return not value.isdecimal()
    return bool(_BY_VALUE.fullmatch(name)) and _is_channel(value)


def belongs_to(name: str, dropped: Collection[str]) -> bool:
    """Tell whether a parameter belongs to a tracking parameter of the same link; these are given in lower case."""
    return not _BESIDE.get(name.lower(), frozenset()).isdisjoint(dropped)


def _is_channel(value: str) -> bool:
    words = _WORDS.split(value)
    return len(words) <= _MOST_WORDS and any(map(_CHANNELS.fullmatch, (words[0], words[-1])))
