"""Looks at what a deployment needs elsewhere before it is begun, and says what is wrong with the repair."""
