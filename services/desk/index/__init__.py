"""The Tantivy index behind the desk's SearchEngine: schema, query parser, writer, facets, trends, rebuild."""
