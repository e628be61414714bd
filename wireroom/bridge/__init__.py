"""Other brokers as source of submissions and as destination of articles: RabbitMQ, Redis streams, Kafka."""
