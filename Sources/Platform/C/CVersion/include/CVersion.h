#ifndef CVERSION_H
#define CVERSION_H

/* What of Chatelaine this program was made from, as scripts/write-version found it: a release
 * (1.2.0), a commit (1.2.0-7-g1ebad7d, 1ebad7d), with -dirty where files differ from it, or
 * "unreleased" where nobody has said. */
const char *cversion_text(void);

#endif
