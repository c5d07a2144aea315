"""What every command shares at the terminal: errors with their repair, progress, reports, signals."""
