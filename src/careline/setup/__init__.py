"""Making a machine ready and running Careline on it: environment, components, processes, doctor."""
