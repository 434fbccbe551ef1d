"""Product descriptions: facts, writers, and the check of a text against the facts."""
