"""Live changes: the log that makes them durable, their embedding, and the rows they add in memory."""
