"""What happens beside exchanges: probing credentials, asking for and keeping quotas."""
