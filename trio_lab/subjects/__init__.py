"""Programs under study: experiments, drills and benchmarks run them, each in a process of its own, and read what they say.

Three for each question, for Trio, asyncio and Node: ``order_*`` (what runs in which order), ``matrix_*`` (which awaits let
others run, and which let a cancel in), ``siblings_*`` (what the error of one task does to those beside it). Each prints
what happened, with ``--json`` as one of the records in `answers`.

For one question each: `bare`, `offload`, `two_detectors`, `small_steps`, the programs with mistakes `watched_tcp` and
`watched_quart`, `patients`, the services that the doctor is examined on, and `stack`, the HTTP stack layer by layer.
"""
