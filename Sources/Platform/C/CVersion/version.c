#include "CVersion.h"

/* Made by scripts/write-version, not checked in. C, so that a commit compiles this file anew and
 * nothing else. */
#if __has_include("generated.h")
#include "generated.h"
#endif

#ifndef CHATELAINE_VERSION
#define CHATELAINE_VERSION "unreleased"
#endif

const char *cversion_text(void) { return CHATELAINE_VERSION; }
