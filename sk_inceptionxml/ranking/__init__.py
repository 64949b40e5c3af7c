"""From rows to ranked labels: network, lexical memory, fusion and calibration."""
