"""Pure translation between wire protocols: bytes and dicts in, bytes and dicts out; no I/O, no clock, no randomness."""
