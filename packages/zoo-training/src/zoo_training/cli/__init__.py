"""The command `zoo train`."""
