"""What an institution allows its people to take part in; no setter and no option overrides it."""
