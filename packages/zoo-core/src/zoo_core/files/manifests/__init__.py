"""Manifests, which state the full checksum of every file of a mirror, a bundle or a lock file."""
