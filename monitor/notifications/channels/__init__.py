"""Ways to people other than mail. Each turns the same bulletin into its own words."""
