"""Live changes: the durable change log, the embedding of changed items, and their rows in memory."""
