"""What holds for all tests: no keyring of whoever runs them, and no property test that fails because the machine is
slow."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# processes that tests start inherit this
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

settings.register_profile("proxycast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxycast")
