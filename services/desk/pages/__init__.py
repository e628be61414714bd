"""The desk's pages: server-rendered HTML that works without JavaScript, each list also as JSON, JSON Lines and CSV."""
