"""First boot of the machines: user data with its programs and units."""
