"""The page of a diagnosis, its tables, and the diagnosis counted anew for it."""
