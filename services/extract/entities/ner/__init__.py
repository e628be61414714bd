"""Named entity recognition: spaCy models, and their encoder and transition parser computed in numpy."""
