"""Ask the endpoint, and get a reply."""
