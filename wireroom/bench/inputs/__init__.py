"""Measuring the inputs: HTTP and WARC beside the bare NATS client, and polls of feeds."""
