"""Bytes and addresses of others: charsets, compression, and which addresses are public."""
