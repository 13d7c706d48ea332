"""Bulk jobs: an action on all records that match, done in the background and in small steps."""
