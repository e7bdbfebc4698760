"""Mail Sender: a self-hosted gateway that takes mail over REST and hands it to providers."""

__version__ = "0.1.0"
