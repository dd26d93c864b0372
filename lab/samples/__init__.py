"""Samples of every kind of sentence shown to people, made from invented figures for tests/docs/sentences.md."""
