"""The outbox and what carries it: news of alerts become messages, and each message goes out by its channel.

announcements, digests: who is to hear of what      outbox: what becomes of a message      rounds: one walk through it
base: what a channel is                             mail/: the first channel
"""
