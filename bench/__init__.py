"""Benchmarks: how fast the gateway takes and hands over mail on this machine, and at what cost."""
