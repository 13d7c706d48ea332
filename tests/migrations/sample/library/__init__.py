"""A package's migrations, as packages ship them."""
