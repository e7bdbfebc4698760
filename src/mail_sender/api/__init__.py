"""The REST door: translates and calls; no rules of mail."""
