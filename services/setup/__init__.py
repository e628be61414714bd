"""What is done to a broker before services use it: streams, buckets, consumers, and numbers that were never given."""
