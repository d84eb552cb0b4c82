"""The whole thing on one machine: broker, simulated traffic with a campaign in it, workers, and what they found."""
