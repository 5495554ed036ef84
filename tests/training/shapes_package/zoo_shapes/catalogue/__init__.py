"""Facts of the small detectors."""
