"""Looking back: how two versions differ, where an item came from, whether it comes out again."""
