"""Where requests come from: files, Kafka messages and what gateways write, all turned into `RequestEvent`."""
