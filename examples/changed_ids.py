"""Lists stored articles whose id an earlier release made from their link and this one would make differently.

One line each: old id, new id, source and link, with tabs between. docs/identity.md says what to do with them.
"""

import os

from pymongo import MongoClient

from services.ingest.identity import article_id
from shared.errors import Rejected
from shared.messages import ArticleSubmitted


def main() -> None:
    client: MongoClient[dict[str, str]] = MongoClient(os.environ["WIREROOM_MONGO_URL"])
    articles = client[os.environ.get("WIREROOM_MONGO_DATABASE", "wireroom")]["articles"]
    by_link = {"guid": None, "url": {"$ne": None}}  # an id from a guid does not depend on the link
    for article in articles.find(by_link, {"url": 1, "source": 1}):
        try:
            now = article_id(ArticleSubmitted(source=article["source"], body="-", url=article["url"]))
        except Rejected:
            now = "none"  # no longer taken as a link: it needs a guid
        if now != article["_id"]:
            print(article["_id"], now, article["source"], article["url"], sep="\t")
    client.close()


if __name__ == "__main__":
    main()
