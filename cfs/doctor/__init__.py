"""Checks a deployment's prerequisites on GitHub, and reports problems with their repairs."""
