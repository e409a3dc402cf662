"""The gallery: what was made and what was said of it, and the small pictures it is made of."""
