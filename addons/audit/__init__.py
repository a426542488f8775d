"""The audit: what every exchange was, kept in `audit.db` by a writer process off the hot path."""
