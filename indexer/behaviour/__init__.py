"""What a build learns about items from events: a block of vectors, and demand signals."""
