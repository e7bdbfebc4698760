"""One file per provider: its settings, its mapping, its errors with their owner."""
