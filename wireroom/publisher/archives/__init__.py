"""Readers of archives: WARC, CSV, Parquet, e-mail, zip. Each yields records one by one, in the memory of one."""
