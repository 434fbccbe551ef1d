"""Writing of products: what is known of one, what words claim, who writes a text and how it is checked."""
