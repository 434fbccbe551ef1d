"""A product's raw values, text and payload, as a build and a live update both read them."""
