"""Credentials and client keys in `state.db`: secrets encrypted, keys hashed."""
