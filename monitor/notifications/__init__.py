"""Outbox and channels: news of alerts are queued as messages, and each message is sent through its channel."""
