"""Rules that name what a line is: word lists per language, credits, bylines, datelines, agencies, dates."""
