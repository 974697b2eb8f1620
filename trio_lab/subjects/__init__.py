"""Small programs that show what an event loop does, three for each question: one for Trio, asyncio and Node.

``order_*``: what runs in which order. ``matrix_*``: which awaits let others run, and which let a cancel in.
``siblings_*``: what the error of one task does to those beside it. Each prints what happened; with ``--json`` as one object.
"""
