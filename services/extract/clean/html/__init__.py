"""HTML pages: parsing, text blocks and their layout, and the metadata a page states about itself."""
