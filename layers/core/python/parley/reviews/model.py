"""What a person decides about what moderation flagged."""
