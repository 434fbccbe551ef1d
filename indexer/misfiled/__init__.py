"""Items that are probably filed in the wrong category."""
