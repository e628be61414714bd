"""What the benches measure with: texts, processes with settings of their own, the clock and the memory of others."""
