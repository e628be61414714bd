"""The pipeline looked at again and again."""
