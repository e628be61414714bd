"""HTTP input: ``POST /v1/articles``, access tokens per source, problem details (RFC 9457)."""
