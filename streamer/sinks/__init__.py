"""Where decisions go: files and Kafka messages, as the contract has them."""
