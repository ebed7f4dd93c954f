"""What every dataset promises: columns, tables, raw events, and the schemas derived from them."""
