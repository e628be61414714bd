"""The desk: search, articles, entities, trends and the pipeline itself, as pages, files and an API."""
