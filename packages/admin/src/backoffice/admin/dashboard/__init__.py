"""The first page: figures drawn on the server, and what there is to do at the beginning."""
