"""What shoppers did: events as plain values, and the log that keeps them."""
