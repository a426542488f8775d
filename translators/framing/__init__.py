"""How messages are cut out of a byte stream: server-sent events, JSON arrays."""
