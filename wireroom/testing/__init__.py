"""For tests of services and consumers: factories of messages, and fakes of the broker. Needs no server."""
