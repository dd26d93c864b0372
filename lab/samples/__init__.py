"""Every kind of sentence that people read, made by the code itself from invented figures: tests/docs/sentences.md."""
