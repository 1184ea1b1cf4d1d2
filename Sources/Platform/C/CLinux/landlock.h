#ifndef CLINUX_LANDLOCK_H
#define CLINUX_LANDLOCK_H

/* Has the rules hold for this thread and what it executes; async-signal-safe. Needs no_new_privs. */
int clinux_landlock_restrict_self(int ruleset);

#endif
