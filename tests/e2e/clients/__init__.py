"""Real coding agents, installed at named versions and driven unattended through the gateway."""
