"""Installing, updating and removing plugins: from a folder, an archive, an address, or a GitHub release."""
