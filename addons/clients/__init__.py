"""Pointing coding agents at the gateway, in their own configuration files, and back (`proxycast client`)."""
