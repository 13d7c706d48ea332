"""Reads migrations before they run, and says which of them would hurt."""
