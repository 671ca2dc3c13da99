"""The evaluation's worlds with the real engine and the real watch process in them, at accelerated time."""
