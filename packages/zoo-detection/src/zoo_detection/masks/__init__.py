"""The masks of objects."""
