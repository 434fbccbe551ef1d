"""Events of shoppers, and the log that stores them."""
