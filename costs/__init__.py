"""What things cost: prices with their sources, and the arithmetic on them; the standard library alone."""
