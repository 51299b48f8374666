"""The SOEP note: values, drafting, checking, text."""
