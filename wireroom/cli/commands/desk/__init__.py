"""``wireroom desk``: commands of the search engine and its saved searches."""
