"""Saved views: lists that somebody comes back to, and how a list opens for them."""
