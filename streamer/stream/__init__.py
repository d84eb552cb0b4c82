"""The detector on Kafka: Faust agents around plain objects, and the state that survives any of them."""
