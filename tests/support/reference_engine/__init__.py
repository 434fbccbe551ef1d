"""A second search engine, slow and plain, to hold the first one against: it shares no line of scoring with it."""
