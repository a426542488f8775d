"""Services that answer: the interface of a provider plugin, the registry that finds them, the built-in ones."""
