"""New revisions of the app's history, written from the difference of models and database."""
