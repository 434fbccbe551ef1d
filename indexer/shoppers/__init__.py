"""What a build learns of all shoppers: shares, segments, tags of items; and reports of them."""
