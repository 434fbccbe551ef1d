"""What is known of shoppers and said to them: profiles, recommendations, descriptions, feedback; one file each."""
