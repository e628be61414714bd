"""The desk's JSON API: articles, entities, trends, and a stream of server-sent events; read only."""
