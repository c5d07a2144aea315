"""First boot of the machines: user data, and the programs and units in it."""
