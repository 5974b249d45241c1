"""Your own calls: lists and logs of calls become a client that answers as the endpoint does."""
