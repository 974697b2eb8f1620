"""The same server on other event loops: asyncio, and Node. Nothing here knows Trio's server, nor that one these."""
