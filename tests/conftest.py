"""No test may touch the keyring of whoever runs it; processes that tests start inherit this."""

from __future__ import annotations

import os

os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
