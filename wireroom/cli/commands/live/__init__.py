"""Commands that show the pipeline as it goes on."""
