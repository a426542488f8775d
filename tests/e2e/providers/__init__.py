"""Providers of every kind through a running gateway, each at a strict stand-in of its own."""
