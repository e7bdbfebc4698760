"""Claim, begin, deliver, record: the only room that hands messages to providers."""
