"""Quality of cleaning and of entities, measured on packs of labelled articles."""
