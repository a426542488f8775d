"""Login flows: how an account's owner signs in, as data in the provider's manifest, and what runs them."""
