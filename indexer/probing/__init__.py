"""Weights of kinds of parts learnt at build, from questions that the catalogue itself has the answers to."""
