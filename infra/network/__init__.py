"""The network: subnets by site and zone, and which traffic passes."""
