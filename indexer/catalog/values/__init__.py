"""The values of a catalogue's columns: summarised over the whole file, so that one rule per column reads them all."""
