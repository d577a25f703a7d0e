"""What Python's notebook tools need to know of Boucle. The kernel itself is a program, `boucle`, which this package brings along."""
