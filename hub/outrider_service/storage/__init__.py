"""Files that users own: where they live, how they are opened safely, and how much they hold."""
