"""Commands that write stored articles for other programs."""
