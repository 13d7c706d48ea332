"""The verbs of limits for the `backoffice` command."""
