"""Pictures become a conversation."""
