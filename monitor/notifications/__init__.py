"""The outbox and what carries it: news of alerts become messages, and each message goes out by its channel."""
