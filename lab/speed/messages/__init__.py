"""Messages on their way: subscribers, mails and webhooks, and the servers that take them."""
