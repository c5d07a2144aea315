"""Causes each disaster in docs/recovery.md on an emulated account, and runs the page's commands."""
