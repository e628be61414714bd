"""The process around a handler: subscription, delivery outcomes, circuit breaker, probes, watchdog."""
