"""Encoders: the only home of torch. Each is opened by name through engine.encoders.encoder."""
