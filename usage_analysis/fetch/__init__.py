"""Fetch usage from the endpoint: transport, retries, clients and breakdowns."""
