"""What becomes of a limit between the detector and the gateway: policy, decisions, deliveries, and the way back."""
