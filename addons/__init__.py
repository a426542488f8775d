"""ProxyCast as mitmproxy addons: everything that does I/O or knows of flows."""
