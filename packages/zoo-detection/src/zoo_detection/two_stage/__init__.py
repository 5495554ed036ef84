"""What detectors of two stages have in common: they propose boxes, and look at each of them."""
