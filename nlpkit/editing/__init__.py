"""Documents rewritten with everything in them kept in its place: errors of typing, other names, other groups."""
