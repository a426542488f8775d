"""Everything that is not secret: where ProxyCast keeps its files, and `config.toml`, reloaded live."""
