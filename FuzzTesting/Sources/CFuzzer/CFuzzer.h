#include <stddef.h>
#include <stdint.h>

// libFuzzer's own main function, for programs that bring one; see "Using libFuzzer as a library".
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test)(const uint8_t *bytes, size_t count));
