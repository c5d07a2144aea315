"""An operator's daily commands: an environment's status, and its lock."""
