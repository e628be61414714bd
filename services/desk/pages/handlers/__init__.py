"""What the pages answer: one module for each of search, article, entity, pipeline and dead letters."""
