"""`trio-lab serve --processes N`: a supervisor, and N processes that accept from one listening socket.

The supervisor serves nothing. It opens the socket, starts the processes, replaces those that die, restarts all of them one
after the other at SIGHUP, and ends them at SIGTERM. What it does next is decided in `supervision`, which is pure;
`supervisor` does it, on Trio. Each process is a whole server with pools of its own, of its share of the sizes (`shares`).

One inherited socket, and not a socket for each process (SO_REUSEPORT): with the latter the kernel gives every process its
share of the connections, whether it can serve them or not. Those that wait at a process that is killed are reset, those at a
process whose loop is blocked wait with it, and an address that another program has taken is not noticed. At one socket the
connections wait together, and a process takes one when it gets to it.
"""
