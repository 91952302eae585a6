"""What has been measured: tables over records, never mixing what cannot be compared."""
