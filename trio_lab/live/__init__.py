"""A service seen from beside it, also while its event loop is blocked and while the process is stopped.

A loop that is blocked cannot say so. Therefore the service only writes: its figures (`records.live.LiveFigures`) a few times a
second, and from the watch's thread what the loop is in while a pass goes on (`writing`). It writes into a piece of shared
memory (`memory`). A child process reads it (`reading`), looks at the service through /proc, decides what is going on
(`judging`), and answers over HTTP (`server`). `open_live` opens all of this around any program with a watch.

The child is a process of the pools' kind: it has a lifeline, and ends with the service. It never waits for the service, and the
service never waits for it.
"""
