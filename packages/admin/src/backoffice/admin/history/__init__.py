"""The history: every change of a record, who made it, and how it is taken back."""
