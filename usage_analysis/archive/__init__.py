"""Store fetched usage on disk; load and sum it without a network."""
