"""What detectors of one stage have in common: they predict at every anchor of every level, and choose."""
