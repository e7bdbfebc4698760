"""The durable record of messages: one port, and an adapter for each engine."""
