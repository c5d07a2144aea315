"""The network: subnets by site and zone, and security groups."""
