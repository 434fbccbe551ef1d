"""Keyword search: the tokenizer and the BM25 index of a snapshot."""
