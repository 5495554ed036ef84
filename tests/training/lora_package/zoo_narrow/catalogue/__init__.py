"""Facts of the narrow transformers."""
