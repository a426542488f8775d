"""What the client is told: an upstream's answer in its own form, streamed or whole, or one of ours."""
