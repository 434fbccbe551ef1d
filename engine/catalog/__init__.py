"""A product's raw values, text and payload, shared by builds and live updates."""
