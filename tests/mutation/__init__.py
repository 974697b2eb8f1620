"""Mutation tests: mutmut changes the code in small ways, one at a time, and a test must fail for each change.

`make mutants` runs it; docs/mutants.md says how to read the outcome. It is no part of the suite.
"""
