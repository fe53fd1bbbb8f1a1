"""What a platform has room for, who holds which part of it, and who waits."""
