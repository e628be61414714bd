"""An extracted or stored article as IPTC ninjs 1.x, 2.x or 3.x: people, organisations and places from its entities.

No version of ninjs has a field for where a name stands in the text, so mentions stay out.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

_WIKIDATA = re.compile(r"Q[1-9][0-9]{0,15}$")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$")
_KINDS = {
    "PERSON": "people",
    "ORG": "organisations",
    "GPE": "places",
    "LOC": "places",
    "FAC": "places",
    "EVENT": "events",
}
_URGENCY = re.compile(r"urgency:([1-9])$")
_IN_1 = {  # what version 1 calls the fields of 2
    "people": "person",
    "organisations": "organisation",
    "places": "place",
    "events": "event",
    "subjects": "subject",
    "infosources": "infosource",
    "by": "byline",
    "standard": "$standard",
}
_IN_3 = {  # what version 3 calls the fields of 2
    "firstcreated": "firstCreated",
    "versioncreated": "versionCreated",
    "pubstatus": "pubStatus",
    "infosources": "infoSources",
    "contenttype": "contentType",
    "altids": "altIds",
}


class Version(StrEnum):
    """The newest of each major version that is written."""

    V1 = "1.5"
    V2 = "2.1"
    V3 = "3.1"


def ninjs_of(article: Mapping[str, Any], version: Version = Version.V3) -> dict[str, Any]:
    """Return a ninjs item of an article with the fields of ``ArticleExtracted``, stored or as a message."""
    text = "\n\n".join(article["paragraphs"])
    made: dict[str, Any] = {
        "uri": _uri(article),
        "standard": {"name": "ninjs", "version": str(version)},
        "type": "text",
        "pubstatus": "usable",
        "language": None if article["language"] == "und" else article["language"],
        "firstcreated": _time(article.get("published_at")),
        "versioncreated": _time(article.get("updated_at") or article.get("published_at") or article["received_at"]),
        "version": str(article["version"]),
        "urgency": _urgency(article.get("tags", ())),
        "by": article.get("byline"),
        "located": article.get("dateline"),
        "infosources": [{"name": agency}] if (agency := article.get("agency")) else None,
        "subjects": [{"name": tag} for tag in article.get("tags", ()) if not _URGENCY.match(tag)],
        **_entities(article.get("entities", ()), version),
    }
    title = article.get("title")
    if version is Version.V1:
        made |= {"headline": title, "body_text": text, "altids": {"wireroom": _id(article)}}
        renamed = _IN_1
    else:
        made["headlines"] = [{"role": "main", "value": title}] if title else None
        made["bodies"] = [{"role": "main", "contenttype": "text/plain", "value": text}]
        made["altids"] = [{"role": "wireroom", "value": _id(article)}]
        renamed = _IN_3 if version is Version.V3 else {}
    return {renamed.get(name, name): _renamed(value, renamed) for name, value in made.items() if value}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [
            {names.get(key, key) if key == "contenttype" else key: kept for key, kept in each.items()} for each in value
        ]
    return value


def _id(article: Mapping[str, Any]) -> str:
    return str(article.get("id") or article["_id"])


def _uri(article: Mapping[str, Any]) -> str:
    """Return the publisher's own name of the article where it is a URI, so that it comes in again under its id."""
    guid, link = article.get("guid"), article.get("url")
    if guid and _URI.match(guid):
        return str(guid)
    return str(link) if link else f"urn:wireroom:{_id(article)}"


def _time(moment: str | datetime | None) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment


def _urgency(tags: Sequence[str]) -> int | None:
    return next((int(found[1]) for tag in tags if (found := _URGENCY.match(tag))), None)


def _entities(entities: Sequence[Mapping[str, Any]], version: Version) -> dict[str, list[dict[str, str]]]:
    found = dict[str, list[dict[str, str]]]()
    for entity in entities:
        if kind := _KINDS.get(entity["label"]):
            found.setdefault(kind, []).append(_entity(entity, version))
    return found


def _entity(entity: Mapping[str, Any], version: Version) -> dict[str, str]:
    made, identifier = {"name": entity["name"], "rel": "mentions"}, entity.get("identifier")
    if not identifier:
        return made
    wikidata = _WIKIDATA.match(identifier)
    if version is Version.V1:
        scheme = {"scheme": "http://www.wikidata.org/entity/"} if wikidata else {}
        return made | scheme | {"code": identifier}
    if wikidata:
        return made | {"uri": f"http://www.wikidata.org/entity/{identifier}"}
    return made | ({"uri": identifier} if _URI.match(identifier) else {"literal": identifier})
