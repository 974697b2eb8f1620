"""The lab's server three times, on Trio, asyncio and Node: the same routes, one package each. None imports another."""
