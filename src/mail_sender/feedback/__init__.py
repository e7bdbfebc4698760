"""What providers tell afterwards: their calls taken in, read, and learnt from."""
