"""What the tests measured, for the end of pytest's report: a bar that is held says nothing of how well."""

NOTES: list[str] = []


def note(text: str) -> None:
    """One line of the report."""
    NOTES.append(text)
