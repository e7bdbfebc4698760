"""How workers learn that something is due. The store is the truth; this is a hint."""
