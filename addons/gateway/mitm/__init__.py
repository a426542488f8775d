"""What goes into mitmproxy itself: its HTTP layer with our streams in it, mended, and its hooks made cheaper."""
