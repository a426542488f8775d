"""Providers of the user's own: reading, loading, watching, installing and serving what lies in the home's `plugins`."""
