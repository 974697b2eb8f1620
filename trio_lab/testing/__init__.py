"""For the tests of programs on Trio or asyncio: a plugin of pytest that finds what blocks their event loops."""
