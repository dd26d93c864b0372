"""Every kind of sentence that people read, said by the code itself of made figures: docs/sentences.md."""
