"""What the services share: the messages, the topology, and the shell around a handler."""

__version__ = "0.1.0"
