"""Population statistics of a shop's shoppers, written by a build, and reports on them."""
