"""Plugins that are programs of their own: started, watched and spoken to in JSON-RPC (docs/plugin-protocol.md)."""
