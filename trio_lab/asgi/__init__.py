"""Middleware for other people's ASGI apps, on Trio and on asyncio."""
