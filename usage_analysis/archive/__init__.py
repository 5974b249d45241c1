"""What was fetched, kept on disk: safely, for as long as you like, at any size."""
