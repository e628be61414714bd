"""What a process tells of itself: probes, metrics, traces, and how late its event loop is."""
