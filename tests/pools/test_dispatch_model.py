"""Property: whatever happens to a pool, in whatever order, it keeps its promises. See `pool_machine`."""

from __future__ import annotations

from hypothesis import settings

from .pool_machine import PoolMachine

TestPool = PoolMachine.TestCase
TestPool.settings = settings(stateful_step_count=50)
