"""Review files, and the model that reads sentiment and aspects from them."""
