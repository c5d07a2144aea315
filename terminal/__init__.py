"""Terminal support for all commands: errors with repairs, progress, results, signals."""
