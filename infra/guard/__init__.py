"""The cost guard's function, what starts it, what it keeps, and who hears when it fails."""
