"""What we think of a mail: pure policy."""
