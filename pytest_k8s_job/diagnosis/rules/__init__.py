"""The checks of the diagnosis, one module a kind of fault."""
