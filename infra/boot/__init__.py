"""What the machines do on their first boot: their user data, and the programs and units that it brings."""
