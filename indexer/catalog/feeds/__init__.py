"""The layouts of shop exports: what their columns are called, and how their rows make up products."""
