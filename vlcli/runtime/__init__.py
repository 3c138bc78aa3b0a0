"""The one trainer and what it runs on: it knows an Architecture and a `validate()`, no more."""
