"""Commands for continuous integration: lint workflow files, post previews as comments, report drift as an issue."""
