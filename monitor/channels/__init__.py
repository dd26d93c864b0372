"""Subscriptions and their mails: regions come in, confirmed addresses hear of what happens in them."""
