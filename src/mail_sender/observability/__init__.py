"""What operators see: one log line for each mail event, metrics."""
