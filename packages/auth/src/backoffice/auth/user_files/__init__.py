"""Files of accounts: read into the app, and written from it.

faults.py       why a line is refused: the codes
sources.py      the file: its bytes, its digest, its lines
records.py      the lines of CSV and of JSON lines
columns.py      which columns there are, and what the file calls them
addresses.py    the normal form of many addresses
rows.py         a line's account, or why there is none
reports.py      the report of refused lines
checkpoints.py  how far a file was imported
batches.py      the accounts of some lines, written in one transaction
imports.py      the whole file
exports.py      every account, as a file that can be imported
"""
