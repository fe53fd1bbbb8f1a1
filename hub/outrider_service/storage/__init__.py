"""Users' files: where they are, how they are opened safely, and how much space they take."""
