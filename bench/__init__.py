"""The benchmark: our engine beside real Datomic and DataScript, over the same data and with the same checksums."""
