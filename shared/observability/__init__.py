"""Probes, Prometheus metrics, OpenTelemetry traces and event loop delay of a process."""
