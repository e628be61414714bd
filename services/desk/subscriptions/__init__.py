"""Saved searches: each new article that meets one goes to a subject, a feed and a webhook of its own."""
