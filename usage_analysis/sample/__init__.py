"""The sample account: the endpoint, in this process, over simulated calls."""
