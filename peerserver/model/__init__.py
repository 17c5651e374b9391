"""What the other rooms speak of: values, entity ids, schema, anomalies. Knows nobody."""
