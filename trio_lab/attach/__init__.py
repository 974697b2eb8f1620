"""What runs inside of a program that the doctor has started: it opens a watch in each event loop, and reports its figures.

The program does not import it. The doctor puts the folder `startup` first on PYTHONPATH, so that each Python process of the
program runs the `sitecustomize` there before its own code. That waits for an import of Trio or asyncio (`hook`), and for a
loop to begin. Then a `Reporter` connects to the doctor's Unix socket, and answers it until the loop ends.

The program must not notice. So nothing here raises into it, prints, logs, or adds a task to its loop; what goes wrong is
written into a file for the doctor (`notes`). Of other packages only Trio is imported, because the program's environment may
have nothing else. When a loop reports, the environment variables are restored, so that processes which this one starts from
then on do not report as well.
"""
