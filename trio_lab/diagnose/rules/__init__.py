"""Why a service is slow or saturated: one pure rule a module, found by looking.

A module defines ``RULE``. What to do about it is in ``advice/``, in the file of the rule's id.
"""
