"""What PyYAML's messages mean to a person who edits a configuration file."""

_QUOTE_STAR = 'write it in quotes: "*" or "*.example.com"'

_ADVICE = (
    ("mapping values are not allowed", "a colon where no key can be",
     "check the indentation, or quote the value"),
    ("could not find expected ':'", "a key without its colon",
     "write key: value, with a space after the colon"),
    ("expected ',' or ']'", "a list in brackets is not closed", "close it with ]"),
    ("expected ',' or '}'", "a mapping in braces is not closed", "close it with }"),
    ("found another document", "a second document begins here", "remove the line ---"),
    ("found unexpected end of stream", "a quoted text is not closed", "close it with the same quote"),
    ("found unknown escape character", "an unknown escape in a text in double quotes",
     "use single quotes around patterns and Windows paths"),
    ("did not find expected '-'", "the list ends in the middle", "indent the lines of a list equally"),
    ("expected <block end>, but found", "the indentation does not fit the lines above",
     "indent keys that belong together equally"),
)  # fmt: skip


def advice(context: str, problem: str, source: str) -> tuple[str, str]:
    """A problem and a remedy for a YAML syntax error; `source` is the line that it is on."""
    if "\t" in source[: len(source) - len(source.lstrip())] or "'\\t'" in problem:
        return "a tab: YAML is indented with spaces alone", "replace the tab with spaces"
    if "scanning an alias" in context:
        return "a * at the start of a word means an alias in YAML", _QUOTE_STAR
    if "scanning an anchor" in context:
        return "a & at the start of a word means an anchor in YAML", "write it in quotes"
    if "cannot start any token" in problem:
        return f"{problem.replace('found ', '')} here", "put the text in quotes"
    for said, means, remedy in _ADVICE:
        if said in problem:
            return means, remedy
    return f"this is not YAML: {problem}", "check the indentation and the quotes"
