"""HTTP towards the outside: one client for providers and for our clients' webhooks."""
