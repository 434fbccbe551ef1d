"""Encoders: the only package that imports torch. Each is opened by name through engine.encoders.encoder."""
