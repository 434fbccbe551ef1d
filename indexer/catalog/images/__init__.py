"""The images of a catalogue: what a cell says, and where it lies."""
