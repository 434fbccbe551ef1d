"""What a build learns of items from what shoppers did with them: a block of vectors, and how much each is wanted."""
