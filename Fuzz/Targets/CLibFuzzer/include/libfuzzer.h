#include <stddef.h>
#include <stdint.h>

/* libFuzzer's main as a function: no header of the toolchain declares it (LLVM, "LibFuzzer",
   "Using libFuzzer as a library"). */
int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*test_one_input)(const uint8_t *start, size_t count));
