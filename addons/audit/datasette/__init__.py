"""Datasette over the audit database: a process of its own, on the loopback address, behind a login link."""
