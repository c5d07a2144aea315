"""Changes of Go modules that the build applies: a fix, and code that is faster or waits less."""
