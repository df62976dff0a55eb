"""What stands between a socket and the rules: routes, bodies, answers, access, quota, log, control."""
