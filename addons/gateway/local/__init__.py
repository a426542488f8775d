"""What the gateway answers by itself: health, metrics, lists of models."""
