"""What operators do to a running pipeline, without a terminal: audit, dead letters, replay, withdrawal, status."""
