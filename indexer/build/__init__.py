"""The build: from a catalogue to a published snapshot that passed its gates."""
