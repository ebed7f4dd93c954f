"""Facts and rules of PQRS: calendar, legal terms, status machine, territory. No Kedro, no I/O."""
