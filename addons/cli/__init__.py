"""The `proxycast` command: one module a command group."""
