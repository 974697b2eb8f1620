"""The doctor's exam: services with a known fault, and the verdicts of the doctor and of a naive one on the same evidence."""
