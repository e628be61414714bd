"""HTTP of the services: a port beside the probes, and the one form of every refusal."""
