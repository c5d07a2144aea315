"""The stack's settings: their types and the rules between them."""
