"""PostgreSQL connections for a `ConnectionPool`, natively on Trio: psycopg's generators say what they wait for, Trio waits.

psycopg's own asynchronous connection waits on asyncio, in a few methods only. The subclass here has those methods wait on Trio;
they are not psycopg's public face, so its version is pinned. A caller that is cancelled has the server cancel its statement,
and leaves when the server has: so the connection is clean, and can be used again.

Needs the extra ``postgres``.
"""

from __future__ import annotations
