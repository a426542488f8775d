"""Which credential answers: candidates of a profile in order, stickiness of a conversation, cooldown of a
credential."""
