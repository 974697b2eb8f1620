"""When a queue counts as full: one pure rule a module, found by looking.

A module defines ``is_full(queue, health)``: whether this queue of that sample is full by this rule. A queue is full when
one of the rules says so.
"""
