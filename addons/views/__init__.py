"""How mitmweb and mitmdump show what goes through the gateway."""
