"""The page of an exchange rate, its tables, and the rate counted anew for it."""
