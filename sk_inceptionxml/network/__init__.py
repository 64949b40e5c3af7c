"""The torch modules: embedding table, encoder and heads."""
