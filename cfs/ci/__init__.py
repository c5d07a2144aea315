"""What continuous integration calls: checks of workflow files, previews as comments, drift as an issue."""
