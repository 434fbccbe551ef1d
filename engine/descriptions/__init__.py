"""Product descriptions: facts, writers, and the fact check of generated texts."""
