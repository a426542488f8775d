"""What `scripts/bench` is made of: an upstream, a load generator, the proxies to compare, and the figures."""
