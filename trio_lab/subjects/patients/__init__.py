"""Services that the doctor is examined on, as other people might write them on Trio: plain sockets, and Quart under hypercorn.

What a request does there is told by an environment variable (`prescription`), so the programs are the same whatever fails in
them, and neither a route nor a setting nor a name of a queue says what that is.
"""
