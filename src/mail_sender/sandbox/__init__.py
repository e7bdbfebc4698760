"""Imitations of providers on loopback, with an inbox and faults on command.

`server.Sandbox` starts and stops everything. One account is one imitated provider with a port
of its own (`listener`), so that it can be really down. A request goes through `wire` (bytes),
`exchange` (faults) and `ses` or `mailgun` (the provider's words) into `inbox`; mail by SMTP
through `smtp`. `control` is the HTTP API for people, tests and the frontend.
"""
