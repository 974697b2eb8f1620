"""The doctor's exam: services with a known fault, what it says of each, and what a naive doctor says of the same evidence."""
