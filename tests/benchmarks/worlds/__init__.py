"""The detector over many simulated worlds: what it finds, how soon, and what honest people have to bear."""
