"""The verbs of accounts for the `backoffice` command."""
