"""Bytes on their way to this machine: hashed as they come, resumed where they broke off, one download at a time."""
