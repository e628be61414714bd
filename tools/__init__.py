"""Development tools that need labelled data; not part of the wheel."""
