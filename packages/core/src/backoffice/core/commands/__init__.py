"""The groups of the `backoffice` command that core brings itself."""
