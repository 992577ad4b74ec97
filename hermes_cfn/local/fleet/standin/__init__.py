"""The stand-in application: what an embedded image runs when nobody brings one of their own."""
