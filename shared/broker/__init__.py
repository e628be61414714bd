"""NATS JetStream: connecting, publishing, reading streams and key-value buckets, dead letters, withdrawals."""
