// Stands in front of glibc's malloc, calloc and realloc and counts their calls. A program's own
// definitions come before those of shared libraries, so the Swift runtime's calls arrive here too.
#include "counting.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic uint64_t allocations;

uint64_t counting_allocations(void) {
  return atomic_load_explicit(&allocations, memory_order_relaxed);
}

#if defined(__GLIBC__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

// The measured process has one thread, so a plain addition is exact and costs next to nothing.
static void count_one(void) {
  uint64_t before = atomic_load_explicit(&allocations, memory_order_relaxed);
  atomic_store_explicit(&allocations, before + 1, memory_order_relaxed);
}

void *malloc(size_t size) {
  count_one();
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  count_one();
  return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  count_one();
  return __libc_realloc(block, size);
}

int counting_works(void) { return 1; }

#else

int counting_works(void) { return 0; }

#endif
