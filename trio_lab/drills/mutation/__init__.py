"""Requests that were good and are changed: good ones, what is done to them, and the cases that come of it."""
