"""Where documents and values come from: files and ConfigMaps that may change, of which the last good one stays."""
