"""The built-in models: weights with their cards, and the scripts that train them again."""
