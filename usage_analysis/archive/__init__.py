"""Store fetched usage on disk, and load and sum it without a network."""
