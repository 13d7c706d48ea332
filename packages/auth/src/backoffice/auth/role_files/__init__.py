"""Roles as code: a file that says which roles there are, and what makes a database be so.

terms.py        what a file says
documents.py    a text of TOML or YAML, and where each key and item stands in it
toml_lines.py   the latter for TOML
reading.py      a document's terms, or all that is wrong with it
writing.py      the terms as a text again
changes.py      what there may be to do
differences.py  what there is to do: pure functions of what is held and what is wanted
holdings.py     what the database holds
applying.py     doing it, in one transaction
"""
