"""The repairs of mapping.md §6 that every backend wants, one idea a module; `canonical/prepare.py` puts them in order.

All of them are pure and copy what they change: blocks of the client's request are shared, never written to. What was
lost is told in `Notes`, one plain sentence each, for the audit.
"""
