"""What the Hub and the service agree on, and all that the Hub may import of the service."""
