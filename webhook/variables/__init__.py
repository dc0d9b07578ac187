"""Required variables: how they are declared, looked up and injected."""
