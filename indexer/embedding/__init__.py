"""From products to vectors: images, models, caching and calibration."""
