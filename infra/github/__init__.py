"""What GitHub has of the stack, and how its jobs get into AWS."""
