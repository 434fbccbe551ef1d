"""Detection of items filed in the wrong category."""
