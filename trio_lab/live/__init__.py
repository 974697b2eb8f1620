"""A service as it runs: its figures outside of its own loop, as metrics, and on a page."""
