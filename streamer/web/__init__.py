"""What a person or a monitoring system can look at over HTTP."""
