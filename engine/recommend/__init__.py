"""Recommendations from a shopper's events, as fused queries."""
