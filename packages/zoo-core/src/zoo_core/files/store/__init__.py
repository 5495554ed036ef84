"""Files on this machine: what is known of each, its checksum, and how one gets its name in a single atomic move."""
