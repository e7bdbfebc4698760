"""Imitations of providers on loopback, with an inbox and faults on command."""
