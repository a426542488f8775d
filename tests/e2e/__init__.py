"""Tests that drive real clients and SDKs through a running gateway."""
