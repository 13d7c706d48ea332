"""Imports: records from a file, tried before they are written, and written in the background."""
