"""The stack's settings: what they may be, and the rules that they keep together."""
