"""Shopper profiles, and the population statistics they are compared with."""
